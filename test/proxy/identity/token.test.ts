import { createHmac } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import type { EpochMs } from '../../../core/brand.ts';
import {
  KEYS_COOLDOWN_MS,
  KEYS_DOCUMENT_MAX,
  KEYS_FRESH_MS,
  KEYS_OUTAGE_MS,
  makeIssuerKeys,
} from '../../../proxy/identity/keys.ts';
import {
  CLOCK_TOLERANCE_SECONDS,
  makeIdentityVerifier,
  TOKEN_MAX,
} from '../../../proxy/identity/token.ts';
import type { SignIn } from '../../../proxy/services.ts';

const ISSUER = 'https://issuer.example.com';
const NOW_SECONDS = 1_790_000_000;

interface SigningKey {
  readonly jwk: JWK;
  readonly pem: string;
  readonly sign: (claims: object, header?: object) => Promise<string>;
}

async function signingKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' },
    pem: await exportSPKI(publicKey),
    sign: (claims, header = {}) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'ES256', kid, ...header })
        .sign(privateKey),
  };
}

/** A gateway that trusts one issuer, whose answers and clock the test turns. */
function makeGateway(keys: readonly JWK[]) {
  const world = { keys, down: false, body: null as string | null, now: 0, requests: 0 };
  const clock = {
    now: () => (NOW_SECONDS * 1000 + world.now) as EpochMs,
    monotonic: () => world.now,
  };
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const fetch = async (url: string) => {
    world.requests += 1;
    if (world.down) throw new Error('connection refused');
    if (world.body !== null) return new Response(world.body);
    const discovery = { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` };
    return Response.json(url.endsWith('/keys') ? { keys: world.keys } : discovery);
  };
  const verifier = makeIdentityVerifier({
    issuer: ISSUER,
    audience: 'sallyport',
    groupsClaim: 'groups',
    algorithms: ['ES256'],
    clock,
    keys: makeIssuerKeys({ issuer: ISSUER, fetch, clock, log }),
  });
  return { world, verify: verifier.verify };
}

const GOOD = {
  iss: ISSUER,
  aud: 'sallyport',
  sub: 'alice',
  exp: NOW_SECONDS + 60,
  groups: ['engineering'],
};

let key: SigningKey;
beforeAll(async () => {
  key = await signingKey('one');
});

function whyOf(signIn: SignIn): string {
  return signIn.kind === 'refused' ? signIn.why : 'verified';
}

describe('claims', () => {
  const cases: readonly [string, object, string][] = [
    ['good', {}, 'verified'],
    ['audience among several', { aud: ['other', 'sallyport'] }, 'verified'],
    ['wrong issuer', { iss: 'https://other.example.com' }, 'claim "iss" refused'],
    ['wrong audience', { aud: 'other' }, 'claim "aud" refused'],
    ['no audience', { aud: undefined }, 'claim "aud" missing'],
    ['expired', { exp: NOW_SECONDS - CLOCK_TOLERANCE_SECONDS }, 'expired'],
    ['expired within tolerance', { exp: NOW_SECONDS - CLOCK_TOLERANCE_SECONDS + 1 }, 'verified'],
    ['never expires', { exp: undefined }, 'claim "exp" missing'],
    ['not yet valid', { nbf: NOW_SECONDS + CLOCK_TOLERANCE_SECONDS + 1 }, 'claim "nbf" refused'],
    ['not yet valid within tolerance', { nbf: NOW_SECONDS + CLOCK_TOLERANCE_SECONDS }, 'verified'],
    ['no subject', { sub: undefined }, 'claim "sub" missing'],
    ['empty subject', { sub: '' }, 'claim for "subject" is malformed'],
    ['long subject', { sub: 'a'.repeat(256) }, 'claim for "subject" is malformed'],
    ['no groups', { groups: undefined }, 'verified'],
    ['groups as a string', { groups: 'dba' }, 'claim "groups" is not a list'],
    ['groups as an object', { groups: { dba: true } }, 'claim "groups" is not a list'],
    [
      'a group that is no name',
      { groups: ['dba', 7] },
      'claim "groups" lists something that is not a name',
    ],
    ['an empty group', { groups: [''] }, 'claim "groups" lists something that is not a name'],
    [
      'too many groups',
      { groups: Array.from({ length: 501 }, (_, i) => `g${i}`) },
      'claim "groups" lists more than 500',
    ],
    [
      'groups elsewhere',
      { _claim_names: { groups: 'src1' }, groups: undefined },
      'claim "groups" is not in the token but elsewhere',
    ],
    ['unknown kind', { kind: 'root' }, 'claim for "kind" is malformed'],
    ['malformed actor', { act: 'alice' }, 'claim "act" is malformed'],
  ];
  test.each(cases)('%s', async (_name, change, expected) => {
    const { verify } = makeGateway([key.jwk]);
    expect(whyOf(await verify(await key.sign({ ...GOOD, ...change })))).toBe(expected);
  });

  test('what becomes of them', async () => {
    const { verify } = makeGateway([key.jwk]);
    const token = await key.sign({
      ...GOOD,
      email: 'Alice@Example.COM',
      groups: ['engineering', 'dba', 'dba'],
      act: { sub: 'assistant' },
      acr: 'mfa',
    });
    expect(await verify(token)).toEqual({
      kind: 'verified',
      identity: {
        principal: {
          subject: 'alice',
          email: 'alice@example.com',
          kind: 'agent',
          groups: ['dba', 'engineering'],
          actor: 'assistant',
          assurance: 'mfa',
        },
        expiresAt: (NOW_SECONDS + 60) * 1000,
      },
    });
  });

  test.each([
    ['machine', { kind: 'machine' }, { kind: 'machine', email: null }],
    ['unverified address', { email: 'a@example.com', email_verified: false }, { email: null }],
  ])('%s', async (_name, change, expected) => {
    const signIn = await makeGateway([key.jwk]).verify(await key.sign({ ...GOOD, ...change }));
    expect(signIn).toMatchObject({ identity: { principal: expected } });
  });
});

describe('signatures', () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  const forged: readonly [string, () => Promise<string> | string, string][] = [
    [
      'no signature',
      () => `${encode({ alg: 'none' })}.${encode(GOOD)}.`,
      'ERR_JOSE_ALG_NOT_ALLOWED',
    ],
    [
      'HMAC with the public key as the secret',
      () => {
        const input = `${encode({ alg: 'HS256', kid: 'one' })}.${encode(GOOD)}`;
        return `${input}.${createHmac('sha256', key.pem).update(input).digest('base64url')}`;
      },
      'ERR_JOSE_ALG_NOT_ALLOWED',
    ],
    [
      'the key of someone else',
      async () => (await signingKey('one')).sign(GOOD),
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    ],
    [
      'claims changed after signing',
      async () => {
        const [head, , tail] = (await key.sign(GOOD)).split('.');
        return `${head}.${encode({ ...GOOD, sub: 'bob' })}.${tail}`;
      },
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    ],
    ['unknown critical header', () => key.sign(GOOD, { crit: ['b64'], b64: true }), 'verified'],
    ['not a token', () => 'hunter2', 'ERR_JWS_INVALID'],
    ['empty', () => '', 'ERR_JWS_INVALID'],
    ['too long', () => 'a'.repeat(TOKEN_MAX + 1), 'token longer than allowed'],
  ];
  test.each(forged)('%s', async (_name, make, expected) => {
    expect(whyOf(await makeGateway([key.jwk]).verify(await make()))).toBe(expected);
  });

  test('a refusal never repeats the token', async () => {
    const token = await key.sign({ ...GOOD, sub: 'sentinel-subject', aud: 'sentinel-audience' });
    const why = whyOf(await makeGateway([key.jwk]).verify(token));
    for (const part of [...token.split('.'), 'sentinel']) expect(why).not.toContain(part);
  });

  test.each(['HS256', 'none', 'dir'])('%s cannot be configured', (algorithm) => {
    const options = { issuer: ISSUER, audience: 'a', groupsClaim: 'g', algorithms: [algorithm] };
    const unused = { now: () => 0 as EpochMs, monotonic: () => 0 };
    const keys = async () => Promise.reject(new Error('unused'));
    expect(() => makeIdentityVerifier({ ...options, clock: unused, keys })).toThrow(algorithm);
  });
});

describe('keys', () => {
  test('are fetched once for many sign-ins at once', async () => {
    const { world, verify } = makeGateway([key.jwk]);
    const token = await key.sign(GOOD);
    await Promise.all(Array.from({ length: 20 }, () => verify(token)));
    expect(world.requests).toBe(2);
  });

  test('a new key is found when a token names it, at most once in the cooldown', async () => {
    const { world, verify } = makeGateway([key.jwk]);
    const next = await signingKey('two');
    await verify(await key.sign(GOOD));
    world.keys = [next.jwk];
    const token = await next.sign(GOOD);
    expect(whyOf(await verify(token))).toBe('ERR_JWKS_NO_MATCHING_KEY');
    expect(world.requests).toBe(2);
    world.now += KEYS_COOLDOWN_MS;
    expect(whyOf(await verify(token))).toBe('verified');
  });

  test('a withdrawn key stops working when the keys are next asked for', async () => {
    const { world, verify } = makeGateway([key.jwk]);
    const token = await key.sign({ ...GOOD, exp: NOW_SECONDS + 7200 });
    expect(whyOf(await verify(token))).toBe('verified');
    world.keys = [(await signingKey('two')).jwk];
    world.now += KEYS_FRESH_MS + 1;
    expect(whyOf(await verify(token))).toBe('ERR_JWKS_NO_MATCHING_KEY');
  });

  test('go on through an outage for a named time, then nobody signs in', async () => {
    const { world, verify } = makeGateway([key.jwk]);
    const token = await key.sign({ ...GOOD, exp: NOW_SECONDS + 7200 });
    expect(whyOf(await verify(token))).toBe('verified');
    world.down = true;
    world.now = KEYS_OUTAGE_MS;
    expect(whyOf(await verify(token))).toBe('verified');
    world.now = KEYS_OUTAGE_MS + 1;
    expect(whyOf(await verify(token))).toMatch(/^ERR_IDENTITY_UNAVAILABLE/);
    world.down = false;
    world.now += KEYS_COOLDOWN_MS;
    expect(whyOf(await verify(token))).toBe('verified');
  });

  test.each([
    ['not JSON', '<html>'],
    [
      'another issuer',
      JSON.stringify({ issuer: 'https://evil.example.com', jwks_uri: `${ISSUER}/keys` }),
    ],
    [
      'keys over plain HTTP',
      JSON.stringify({ issuer: ISSUER, jwks_uri: 'http://evil.example.com/keys' }),
    ],
    ['endless', ' '.repeat(KEYS_DOCUMENT_MAX + 1)],
  ])('are not taken from a document that is %s', async (_name, body) => {
    const { world, verify } = makeGateway([key.jwk]);
    world.body = body;
    expect(whyOf(await verify(await key.sign(GOOD)))).toMatch(/^ERR_IDENTITY_UNAVAILABLE/);
  });
});
