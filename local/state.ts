/** The layout of the state directory: everything that survives a restart. */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LocalSystem } from '../bin/commands/local_system.ts';

export interface State {
  readonly directory: string;
  readonly description: string;
  readonly log: string;
  readonly postgres: string;
  readonly issuer: string;
  readonly dynamodb: string;
  readonly tls: string;
  readonly approvals: string;
  readonly archive: string;
  readonly archiveKeys: string;
  readonly spool: string;
  readonly policies: string;
}

export async function prepareState(directory: string): Promise<State> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // It may have been there before, opened to others: keys and recordings lie below.
  await chmod(directory, 0o700);
  const inside = (name: string) => path.join(directory, name);
  return {
    directory,
    description: inside('local.json'),
    log: inside('sallyport.log'),
    postgres: inside('postgres'),
    issuer: inside('issuer'),
    dynamodb: inside('dynamodb'),
    tls: inside('tls'),
    approvals: inside('approvals'),
    archive: inside('archive'),
    archiveKeys: inside('archive-keys'),
    spool: inside('spool'),
    policies: inside('policies'),
  };
}

/** Renamed into place: a script that waits for the file never reads half of it. */
export async function writeDescription(state: State, system: LocalSystem): Promise<void> {
  const partial = `${state.description}.partial`;
  await writeFile(partial, `${JSON.stringify(system, null, 2)}\n`, { mode: 0o600 });
  await rename(partial, state.description);
}
