/** Seals under KMS: a key of each request's own, bound to it. */
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeKmsKeyring } from '../../functions/approvals/kms_keyring.ts';
import { type Keyring, openStatement, sealStatement } from '../../functions/approvals/seal.ts';
import { nextRequestId } from '../support/approval_requests.ts';
import { describeAdapter } from './endpoint.ts';

describeAdapter('seals over KMS', () => {
  let client: KMSClient;
  let keyring: Keyring;

  beforeAll(async () => {
    client = new KMSClient({});
    const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
    keyring = makeKmsKeyring(client, KeyMetadata?.KeyId ?? '');
  });
  afterAll(() => client.destroy());

  it('opens what it sealed', async () => {
    const id = nextRequestId();
    const sealed = await sealStatement(keyring, id, 'delete from orders where id = 7 -- ü');
    expect(Buffer.from(sealed.text).includes('delete')).toBe(false);
    expect(await openStatement(keyring, id, sealed)).toBe('delete from orders where id = 7 -- ü');
  });

  it('does not open the seal of another request', async () => {
    const sealed = await sealStatement(keyring, nextRequestId(), 'select 1');
    await expect(openStatement(keyring, nextRequestId(), sealed)).rejects.toThrow();
  });

  it('gives every request a key of its own', async () => {
    const keys = await Promise.all([1, 2].map(() => keyring.newKey(nextRequestId())));
    expect(keys.map(({ key }) => key.length)).toEqual([32, 32]);
    expect(Buffer.compare(keys[0]?.key ?? Buffer.of(), keys[1]?.key ?? Buffer.of())).not.toBe(0);
  });
});
