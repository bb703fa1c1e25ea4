/**
 * Sealing of held statements. The statement as it will run is stored only so: under a random key of the
 * request's own, wrapped by a key that the fleet cannot use, and gone when the request ends.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
  packSeal,
  SEAL_KEY_BYTES,
  SEAL_NONCE_BYTES,
  SEAL_TAG_BYTES,
  sealContext,
  unpackSeal,
} from '../../core/approval/seal.ts';
import type { RequestId } from '../../core/brand.ts';

/** Wraps the requests' keys: KMS in AWS, a key file on one machine. */
export interface Keyring {
  /** A fresh 32-byte key, in the clear and wrapped, good for this request alone. */
  readonly newKey: (id: RequestId) => Promise<{ key: Uint8Array; wrapped: Uint8Array }>;
  /** Rejects where the wrapped key is damaged or belongs to another request. */
  readonly unwrap: (id: RequestId, wrapped: Uint8Array) => Promise<Uint8Array>;
}

export interface Sealed {
  readonly text: Uint8Array;
  readonly wrappedKey: Uint8Array;
}

const CIPHER = 'aes-256-gcm';

export async function sealStatement(
  keyring: Keyring,
  id: RequestId,
  statement: string,
): Promise<Sealed> {
  const { key, wrapped } = await keyring.newKey(id);
  const text = sealBytes(key, id, Buffer.from(statement, 'utf8'));
  key.fill(0);
  return { text, wrappedKey: wrapped };
}

export async function openStatement(
  keyring: Keyring,
  id: RequestId,
  sealed: Sealed,
): Promise<string> {
  const key = await keyring.unwrap(id, sealed.wrappedKey);
  const text = openBytes(key, id, sealed.text);
  key.fill(0);
  return Buffer.from(text).toString('utf8');
}

export function sealBytes(key: Uint8Array, id: RequestId, plain: Uint8Array): Uint8Array {
  const nonce = randomBytes(SEAL_NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: SEAL_TAG_BYTES });
  cipher.setAAD(sealContext(id));
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return packSeal({ nonce, tag: cipher.getAuthTag(), ciphertext });
}

/** Throws where one bit differs, or the seal was made for another request. */
export function openBytes(key: Uint8Array, id: RequestId, packed: Uint8Array): Uint8Array {
  const { nonce, tag, ciphertext } = unpackSeal(packed);
  const cipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: SEAL_TAG_BYTES });
  cipher.setAAD(sealContext(id));
  cipher.setAuthTag(tag);
  return Buffer.concat([cipher.update(ciphertext), cipher.final()]);
}

/** A keyring over one 32-byte key. On one machine it comes from a file, see local/keyring. */
export function makeKeyKeyring(wrappingKey: Uint8Array): Keyring {
  return {
    newKey: (id) => {
      const key = new Uint8Array(randomBytes(SEAL_KEY_BYTES));
      return Promise.resolve({ key, wrapped: sealBytes(wrappingKey, id, key) });
    },
    unwrap: async (id, wrapped) => Promise.resolve(openBytes(wrappingKey, id, wrapped).slice()),
  };
}
