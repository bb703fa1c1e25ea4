/** The key that wraps the seals on one machine: a file that only its owner may read. KMS does it in AWS. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SEAL_KEY_BYTES } from '../core/approval/seal.ts';
import { GatewayError } from '../core/errors.ts';
import { type Keyring, makeKeyKeyring } from '../functions/approvals/seal.ts';

/** @throws GatewayError ERR_CONFIG_INVALID where the file is there and is not a key */
export function makeFileKeyring(file: string): Keyring {
  mkdirSync(path.dirname(file), { recursive: true });
  try {
    writeFileSync(file, randomBytes(SEAL_KEY_BYTES), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // There already, from the last run: that key is the one to use.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const key = readFileSync(file);
  if (key.length === SEAL_KEY_BYTES) return makeKeyKeyring(key);
  throw new GatewayError(
    'ERR_CONFIG_INVALID',
    `"${file}" has ${key.length} bytes, not a key's 32`,
    {
      hint: 'Delete it: requests that are open lose their sealed statements',
    },
  );
}
