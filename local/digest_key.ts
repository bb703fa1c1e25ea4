/**
 * The key that signs digests at home, where there is no KMS: in a file that its owner alone may read. It
 * lies outside the archive, and proves nothing against whoever has this machine.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { GatewayError } from '../core/errors.ts';
import type { Signer } from '../functions/archive/kms_signer.ts';

export interface DigestKey extends Signer {
  readonly publicKeyPem: string;
}

/**
 * Makes `private.pem` on first use, and `public.pem` beside it, which is what `sallyport verify` takes.
 * @throws GatewayError ERR_CONFIG_INVALID where the file holds no such key
 */
export async function openDigestKey(directory: string): Promise<DigestKey> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, 'private.pem');
  const key = readPrivateKey(file, (await readIfThere(file)) ?? (await makePrivateKey(file)));
  const publicKeyPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  await writeFile(path.join(directory, 'public.pem'), publicKeyPem, { mode: 0o644 });
  return {
    publicKeyPem,
    sign: (text) => Promise.resolve({ signature: sign('sha256', Buffer.from(text), key) }),
  };
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Linked into place: a key is there whole or not at all, and never replaces another. */
async function makePrivateKey(file: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const partial = `${file}.partial`;
  await writeFile(partial, pem, { mode: 0o600 });
  try {
    await link(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
  return pem;
}

function readPrivateKey(file: string, pem: string) {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch {
    // No key at all: told below, like one of another kind.
  }
  throw new GatewayError('ERR_CONFIG_INVALID', `"${file}" holds no ECDSA key over P-256`, {
    hint: 'Move it away: a new one is made, and digests so far need the old public.pem',
  });
}
