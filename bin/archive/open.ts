/** The archive that a command of the command line reads: one in a directory. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { GatewayError } from '../../core/errors.ts';
import type { ArchiveReader } from '../../core/recording/verify.ts';
import { makeArchiveDirectory } from '../../local/archive_directory.ts';
import type { Io } from '../commands/command.ts';
import { type LocalSystem, readLocalSystem } from '../commands/local_system.ts';

export interface OpenArchive {
  readonly directory: string;
  readonly reader: ArchiveReader;
  /** The local system's own archive, whose public key is known; null for one that was named. */
  readonly local: LocalSystem['archive'] | null;
}

/**
 * `chosen`: what `--archive` says, a copy of a bucket for example; without it the local system's.
 * @throws GatewayError ERR_NOT_FOUND where there is no such directory, or no local system has run
 */
export async function openArchive(chosen: string | undefined, io: Io): Promise<OpenArchive> {
  const local = chosen === undefined ? (await readLocalSystem(io.root)).archive : null;
  const directory = path.resolve(chosen ?? local?.directory ?? '');
  // The local system's is made when the first event arrives: until then it is empty, not wrong.
  if (local === null && !(await isDirectory(directory))) {
    throw new GatewayError(
      'ERR_NOT_FOUND',
      `Cannot read "${directory}": there is no such directory`,
      { hint: 'Name the directory of an archive: --archive DIR' },
    );
  }
  return { directory, reader: makeArchiveDirectory(directory), local };
}

async function isDirectory(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isDirectory();
  } catch {
    // Whatever keeps it from being looked at keeps it from being read.
    return false;
  }
}
