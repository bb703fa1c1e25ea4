/**
 * Digests: signed lists of what was archived, each of which names the one before it by hash.
 *
 *   digests/2026/11/23/15.json        the first that was signed within an hour
 *   digests/2026/11/23/15.002.json    a second one within the same hour, and so on
 *
 * Signed is not the document but a short text over its hash, since KMS takes at most 4,096 bytes:
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
 */
import * as v from 'valibot';
import { EpochMs, Sha256Hex } from '../brand.ts';
import { GatewayError } from '../errors.ts';
import { canonicalJson } from './canonical_json.ts';
import type { Sha256 } from './chain.ts';

export const DIGESTS = 'digests/';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const SignedObject = v.strictObject({ key: v.string(), size: count, sha256: Sha256Hex });
export type SignedObject = v.InferOutput<typeof SignedObject>;

export const DigestDocument = v.strictObject({
  v: v.literal(1),
  /** Its own: a digest that was moved or copied elsewhere is none. */
  key: v.string(),
  /** From 0, without gaps. */
  number: count,
  at: EpochMs,
  /** Hash of the whole object that holds the digest before this one; null for the first. */
  previous: v.nullable(v.strictObject({ key: v.string(), sha256: Sha256Hex })),
  /** Not in any earlier digest. */
  objects: v.pipe(v.array(SignedObject), v.readonly()),
});
export type DigestDocument = v.InferOutput<typeof DigestDocument>;

/** As it is stored. */
export const Digest = v.strictObject({
  document: DigestDocument,
  /** ECDSA over P-256 with SHA-256 of `signedText`, DER, in base64. */
  signature: v.string(),
});
export type Digest = v.InferOutput<typeof Digest>;

/** What is signed. The first line keeps it apart from anything else that the key might ever sign. */
export function signedText(sha256: Sha256, document: DigestDocument): string {
  return `sallyport-digest-v1\n${document.key}\n${sha256(canonicalJson(document))}\n`;
}

const DIGEST_KEY = /^digests\/(\d{4})\/(\d{2})\/(\d{2})\/(\d{2})(?:\.(\d{3}))?\.json$/;
/** Of the digits in a key. */
const PARTS_MAX = 999;

/** @param part from 1: which one of its hour it is */
export function digestKey(at: EpochMs, part: number): string {
  if (part > PARTS_MAX) {
    throw new GatewayError(
      'ERR_LIMIT_EXCEEDED',
      `Cannot sign more than ${PARTS_MAX} digests an hour`,
    );
  }
  const [date = '', time = ''] = new Date(at).toISOString().split('T');
  const suffix = part === 1 ? '' : `.${String(part).padStart(3, '0')}`;
  return `${DIGESTS}${date.replaceAll('-', '/')}/${time.slice(0, 2)}${suffix}.json`;
}

export interface DigestKey {
  readonly key: string;
  /** Start of the hour. */
  readonly hour: number;
  readonly part: number;
}

/** null where it is no key of a digest. */
export function parseDigestKey(key: string): DigestKey | null {
  const match = DIGEST_KEY.exec(key);
  if (match === null) return null;
  const [year, month, day, hour] = match.slice(1, 5).map(Number);
  const at = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour);
  return { key, hour: at, part: Number(match[5] ?? 1) };
}

/** In the order in which they were signed. */
export function compareDigestKeys(a: DigestKey, b: DigestKey): number {
  return a.hour - b.hour || a.part - b.part;
}

/** null where it is none. */
export function parseDigest(bytes: Uint8Array): Digest | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const json: unknown = JSON.parse(text);
    // Another spelling of the same JSON is not what was stored.
    return JSON.stringify(json) === text ? v.parse(Digest, json) : null;
  } catch {
    // Not UTF-8, not JSON, not a digest: the caller says what that means.
    return null;
  }
}
