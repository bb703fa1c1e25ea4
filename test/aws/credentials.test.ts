/** Credentials over Secrets Manager: what is an answer, and what is silence. */
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, expect, it } from 'vitest';
import { readSecretWith } from '../../proxy/upstream/secrets_manager.ts';
import { describeAdapter, fresh } from './endpoint.ts';

describeAdapter('credentials over Secrets Manager', () => {
  const client = new SecretsManagerClient({});
  const read = readSecretWith(client);
  const signal = new AbortController().signal;
  afterAll(() => client.destroy());

  const stored = async (value: { SecretString: string } | { SecretBinary: Uint8Array }) => {
    const { ARN = '' } = await client.send(
      new CreateSecretCommand({ Name: fresh('target'), ...value }),
    );
    return ARN;
  };

  it('reads the text as it was stored', async () => {
    const arn = await stored({ SecretString: '{"username":"a"}' });
    expect(await read(arn, signal)).toEqual({ kind: 'secret', text: '{"username":"a"}' });
  });

  it('takes a secret that is not there, is being deleted or is binary for a no', async () => {
    const deleted = await stored({ SecretString: 'x' });
    await client.send(new DeleteSecretCommand({ SecretId: deleted }));
    const binary = await stored({ SecretBinary: new Uint8Array([1]) });
    for (const arn of ['nowhere', deleted, binary]) {
      expect(await read(arn, signal), arn).toMatchObject({ kind: 'refused' });
    }
  });

  it('rejects where nobody answers', async () => {
    const far = new SecretsManagerClient({ endpoint: 'http://127.0.0.1:9', maxAttempts: 1 });
    await expect(readSecretWith(far)('nowhere', signal)).rejects.toThrow('ECONNREFUSED');
    far.destroy();
  });
});
