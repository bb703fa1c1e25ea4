/** A development certificate for 127.0.0.1, so that `sslmode=require` works; made when absent or too old. */
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { generate } from 'selfsigned';

const DAY_MS = 86_400_000;
const VALID_DAYS = 365;
/** Renewed this long before it runs out, so that it does not run out under a running system. */
const RENEW_BEFORE_DAYS = 30;

/** PEM texts. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export async function ensureCertificate(directory: string): Promise<Certificate> {
  const keyFile = path.join(directory, 'key.pem');
  const certFile = path.join(directory, 'cert.pem');
  try {
    const kept = { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8') };
    const end = Date.parse(new X509Certificate(kept.cert).validTo);
    if (end - Date.now() > RENEW_BEFORE_DAYS * DAY_MS) return kept;
  } catch {
    // None yet, or a damaged one: nothing depends on it staying the same, so it is made anew.
  }
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(keyFile, made.private, { mode: 0o600 });
  await writeFile(certFile, made.cert, { mode: 0o600 });
  return { key: made.private, cert: made.cert };
}
