/**
 * SCRAM-SHA-256 as a client (RFC 5802, RFC 7677), without channel binding.
 * The server is untrusted input: its nonce and iteration count are capped, its signature is checked.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';

export const SCRAM_MECHANISM = 'SCRAM-SHA-256';
/** RFC 7677 section 4: at least 4096. */
const ITERATIONS_MIN = 4096;
/** PostgreSQL's default is 4096; a hostile server could otherwise stall the process. */
const ITERATIONS_MAX = 200_000;
/** PostgreSQL sends the client's nonce and 24 characters. */
const SERVER_FIRST_MAX = 1024;
const NONCE_BYTES = 18;
const KEY_BYTES = 32;
/** Salted passwords kept: one for each (password, salt, iterations), of which a target has one. */
const SALTED_MAX = 64;

export type ScramStep =
  | { readonly kind: 'send'; readonly data: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly why: string };

export interface Scram {
  readonly first: () => string;
  readonly onServerFirst: (text: string) => ScramStep;
  readonly onServerFinal: (text: string) => ScramStep;
}

const salted = new Map<string, Buffer>();

/** `random` gives cryptographically strong bytes. */
export function makeScram(password: string, random: (count: number) => Uint8Array): Scram {
  const nonce = Buffer.from(random(NONCE_BYTES)).toString('base64');
  const clientFirstBare = `n=,r=${nonce}`;
  let expected: Buffer | null = null;
  return {
    first: () => `n,,${clientFirstBare}`,
    onServerFirst: (text) => {
      const challenge = readChallenge(text, nonce);
      if (challenge === null)
        return { kind: 'failed', why: 'its SCRAM challenge is not acceptable' };
      const key = saltedPassword(password, challenge.salt, challenge.iterations);
      const clientKey = hmac(key, 'Client Key');
      const withoutProof = `c=biws,r=${challenge.nonce}`;
      const signed = `${clientFirstBare},${text},${withoutProof}`;
      const signature = hmac(createHash('sha256').update(clientKey).digest(), signed);
      const proof = clientKey.map((byte, index) => byte ^ (signature[index] as number));
      expected = hmac(hmac(key, 'Server Key'), signed);
      return { kind: 'send', data: `${withoutProof},p=${Buffer.from(proof).toString('base64')}` };
    },
    onServerFinal: (text) => {
      const claimed = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(text)?.[1] ?? '', 'base64');
      // Without this check anyone in the server's place would be believed.
      return expected !== null && claimed.length === KEY_BYTES && timingSafeEqual(claimed, expected)
        ? { kind: 'done' }
        : { kind: 'failed', why: 'its SCRAM signature does not prove that it knows the password' };
    },
  };
}

interface Challenge {
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

function readChallenge(text: string, clientNonce: string): Challenge | null {
  if (text.length > SERVER_FIRST_MAX) return null;
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,8})$/.exec(
    text,
  );
  if (match === null) return null;
  const [, nonce = '', salt = '', count = ''] = match;
  const iterations = Number(count);
  const fresh = nonce.startsWith(clientNonce) && nonce.length > clientNonce.length;
  if (!fresh || iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) return null;
  return { nonce, salt: Buffer.from(salt, 'base64'), iterations };
}

/** 4,096 rounds take milliseconds of the one thread that serves everybody, so the result is kept. */
function saltedPassword(password: string, salt: Buffer, iterations: number): Buffer {
  // NFKC is the part of SASLprep (RFC 4013) that changes what people type.
  const prepared = password.normalize('NFKC');
  const identity = createHash('sha256').update(prepared).digest('base64');
  const name = `${identity}:${salt.toString('base64')}:${iterations}`;
  const known = salted.get(name);
  if (known !== undefined) return known;
  const key = pbkdf2Sync(prepared, salt, iterations, KEY_BYTES, 'sha256');
  if (salted.size >= SALTED_MAX) salted.clear();
  salted.set(name, key);
  return key;
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
