/**
 * The shape of a sealed statement; the cipher itself is in functions/approvals/seal.
 * AES-256-GCM under a random key of the request's own (NIST SP 800-38D): the key is used once, so a
 * random nonce cannot repeat under it.
 */
import type { RequestId } from '../brand.ts';
import { GatewayError } from '../errors.ts';
import { canonicalBytes } from './canonical.ts';

export const SEAL_KEY_BYTES = 32;
export const SEAL_NONCE_BYTES = 12;
export const SEAL_TAG_BYTES = 16;
const SEAL_VERSION = 1;
const HEAD_BYTES = 1 + SEAL_NONCE_BYTES + SEAL_TAG_BYTES;

/** Authenticated with the text: a seal moved to another request does not open there. */
export function sealContext(id: RequestId): Uint8Array {
  return canonicalBytes(['sallyport.seal.v1', id]);
}

export interface Seal {
  readonly nonce: Uint8Array;
  readonly tag: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export function packSeal(seal: Seal): Uint8Array {
  const packed = new Uint8Array(HEAD_BYTES + seal.ciphertext.length);
  packed[0] = SEAL_VERSION;
  packed.set(seal.nonce, 1);
  packed.set(seal.tag, 1 + SEAL_NONCE_BYTES);
  packed.set(seal.ciphertext, HEAD_BYTES);
  return packed;
}

export function unpackSeal(packed: Uint8Array): Seal {
  if (packed.length < HEAD_BYTES || packed[0] !== SEAL_VERSION) {
    throw new GatewayError(
      'ERR_ARCHIVE_CORRUPT',
      `Cannot open a sealed statement of ${packed.length} bytes and version ${packed[0] ?? 'none'}`,
    );
  }
  return {
    nonce: packed.subarray(1, 1 + SEAL_NONCE_BYTES),
    tag: packed.subarray(1 + SEAL_NONCE_BYTES, HEAD_BYTES),
    ciphertext: packed.subarray(HEAD_BYTES),
  };
}
