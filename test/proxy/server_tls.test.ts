/** The listener's certificate: a pair that fits, or no listener. Nothing of the secret is repeated. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EpochMs } from '../../core/brand.ts';
import { type Certificate, ensureCertificate } from '../../local/certificate.ts';
import { EXPIRY_WARNING_MS, readServerTls } from '../../proxy/server_tls.ts';
import type { ReadSecret } from '../../proxy/upstream/credentials.ts';

const ARN = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:tls-AbCdEf';
const CANARY = 'canary-7f3a';

let pair: Certificate;
let other: Certificate;
beforeAll(async () => {
  const make = () => ensureCertificate(mkdtempSync(join(tmpdir(), 'sallyport-tls-')));
  [pair, other] = await Promise.all([make(), make()]);
});

async function read(answer: ReadSecret, now = Date.now()) {
  const logged: string[] = [];
  const note = (event: string) => void logged.push(event);
  const log = { info: note, warn: note, error: note };
  const clock = { now: () => now as EpochMs };
  return { tls: await readServerTls({ read: answer, arn: ARN, clock, log }), logged };
}
const secret =
  (value: unknown): ReadSecret =>
  async () => ({ kind: 'secret', text: typeof value === 'string' ? value : JSON.stringify(value) });
const good = () => secret({ certificate: pair.cert, privateKey: pair.key });

describe('readServerTls', () => {
  it('takes a pair that belongs together', async () => {
    const { tls, logged } = await read(good());
    expect(tls).toEqual({ certificate: pair.cert, key: pair.key });
    expect(logged).toEqual([]);
  });

  it('says when the certificate is about to expire, and when it has', async () => {
    const year = Date.now() + 365 * 86_400_000;
    expect((await read(good(), year - EXPIRY_WARNING_MS / 2)).logged).toEqual([
      'tls.certificate_expiring',
    ]);
    expect((await read(good(), year + 86_400_000)).logged).toEqual(['tls.certificate_expired']);
  });

  it.each<[string, () => ReadSecret, string]>([
    ['no JSON', () => secret(CANARY), 'it is not {"certificate"'],
    ['no key', () => secret({ certificate: pair.cert }), 'it is not {"certificate"'],
    [
      'a key that is no PEM',
      () => secret({ certificate: pair.cert, privateKey: CANARY }),
      'it is not {"certificate"',
    ],
    [
      'a key that is damaged',
      () =>
        secret({ certificate: pair.cert, privateKey: `-----BEGIN PRIVATE KEY-----\n${CANARY}` }),
      'cannot be read, or do not belong together',
    ],
    [
      'the key of another certificate',
      () => secret({ certificate: pair.cert, privateKey: other.key }),
      'cannot be read, or do not belong together',
    ],
    [
      'a secret that is not there',
      () => async () => ({ kind: 'refused', why: 'ResourceNotFoundException' }),
      'ResourceNotFoundException',
    ],
    [
      'a store that is silent',
      () => () => Promise.reject(new Error('ECONNREFUSED')),
      'Secrets Manager does not answer',
    ],
  ])('refuses %s', async (_, answer, why) => {
    const error: unknown = await read(answer()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    expect((error as Error).message).toContain(`Cannot use the TLS secret ${ARN}: `);
    expect((error as Error).message).toContain(why);
    expect(inspect(error, { depth: 9 })).not.toContain(CANARY);
  });
});
