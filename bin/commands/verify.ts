/** `sallyport verify`: is the record whole, and as it was written? */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { EpochMs } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import { openArchive } from '../archive/open.ts';
import { verdict } from '../archive/verdict.ts';
import { verifyArchive } from '../archive/verify.ts';
import { type CliCommand, type ExitStatus, type Io, UsageError } from './command.ts';

export const verifyCommand: CliCommand = {
  name: 'verify',
  summary: 'prove that nobody changed the record',
  help: `Usage: sallyport verify [--archive DIR --public-key FILE] [--json]

Checks every event against the hash chain of its session, every object against the signed digests, and
the table against the recordings. It needs the objects and the public key alone: no gateway, no network.

  sallyport verify
  sallyport verify --archive ./copy-of-the-bucket --public-key digests.pem

Options:
  --archive DIR       an archive of another place, instead of the local system's
  --public-key FILE   the public half of the key that signs digests, PEM. For a deployed gateway:
                      aws kms get-public-key gives it; keep it where the archive's writers cannot write
  --json              print {checkedAt, findings, digests, objects, sessions, events}

Exit status: 0 nothing speaks against the archive, 1 something does or it cannot be read, 2 bad usage.
Sessions that are still open, and objects that are newer than the newest digest, are no findings.`,
  run,
};

async function run(args: readonly string[], io: Io): Promise<ExitStatus> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      archive: { type: 'string' },
      'public-key': { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  const { reader: archive, local } = await openArchive(values.archive, io);
  const keyFile = values['public-key'] ?? local?.publicKey;
  // A key that lay beside the objects would prove nothing: who changed them could have changed it.
  if (keyFile === undefined) throw new UsageError('Say whose signatures count: --public-key FILE');
  const publicKeyPem = await readKey(path.resolve(keyFile));
  const report = await verifyArchive({ archive, publicKeyPem, now: v.parse(EpochMs, Date.now()) });
  io.out(values.json === true ? JSON.stringify(report) : verdict(report));
  return report.findings.length === 0 ? 0 : 1;
}

async function readKey(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new GatewayError('ERR_NOT_FOUND', `Cannot read the public key "${file}"`, {
      hint: `Name the file of the key that signs digests, --public-key FILE: ${(cause as Error).message}`,
      cause,
    });
  }
}
