import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EpochMs } from '../../core/brand.ts';
import { type Issuer, type MintOptions, mintToken, startIssuer } from '../../local/issuer.ts';
import { fetchDocument, makeIssuerKeys } from '../../proxy/identity/keys.ts';
import { makeIdentityVerifier } from '../../proxy/identity/token.ts';

let directory: string;
let issuer: Issuer;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-issuer-'));
  issuer = await startIssuer({ directory, port: 0 });
});

afterAll(async () => {
  await issuer.close();
  await rm(directory, { recursive: true, force: true });
});

async function signIn(user: string, options?: MintOptions) {
  const clock = { now: () => Date.now() as EpochMs, monotonic: () => performance.now() };
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const verifier = makeIdentityVerifier({
    issuer: issuer.url,
    audience: 'sallyport',
    groupsClaim: 'groups',
    algorithms: ['ES256'],
    clock,
    keys: makeIssuerKeys({ issuer: issuer.url, fetch: fetchDocument, clock, log }),
  });
  return verifier.verify(await mintToken(directory, user, options));
}

test.each([
  [
    'bob',
    { subject: 'bob', kind: 'human', groups: ['dba', 'engineering'], email: 'bob@example.com' },
  ],
  ['ci-deploy', { subject: 'ci-deploy', kind: 'machine', groups: [], email: null }],
  ['mallory', { subject: 'mallory', kind: 'human', groups: [] }],
])('the gateway believes a token of %s', async (user, principal) => {
  expect(await signIn(user)).toMatchObject({ kind: 'verified', identity: { principal } });
});

test.each<[string, MintOptions]>([
  ['expired', { expiresInSeconds: -60 }],
  ['another audience', { audience: 'other' }],
  ['another issuer', { issuer: 'https://other.example.com' }],
])('and not one that is for tests: %s', async (_name, options) => {
  expect(await signIn('alice', options)).toMatchObject({ kind: 'refused' });
});

test('an unknown user is named, with the known ones', async () => {
  await expect(mintToken(directory, 'eve')).rejects.toMatchObject({
    message: 'Unknown user "eve"',
    hint: expect.stringContaining('alice'),
  });
});

test('the key is private to the owner, and the same after a restart', async () => {
  expect((await stat(path.join(directory, 'key.json'))).mode & 0o777).toBe(0o600);
  const before = await (await fetch(`${issuer.url}/jwks`)).json();
  await issuer.close();
  issuer = await startIssuer({ directory, port: 0 });
  const after = await (await fetch(`${issuer.url}/jwks`)).json();
  expect(after).toEqual(before);
  expect(JSON.stringify(after)).not.toContain('"d"');
});
