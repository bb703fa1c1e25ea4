/** One process at a time owns a spool: two would ship, and delete, each other's files. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { GatewayError } from '../../core/errors.ts';

const OWNER_ONLY_DIRECTORY = 0o700;

/**
 * Makes the directory if need be and takes it for this process.
 * @returns releases it
 * @throws GatewayError ERR_RECORDING_FAILED when another live process has it, or it cannot be made
 */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, 'owner.pid');
  try {
    fs.mkdirSync(directory, { recursive: true, mode: OWNER_ONLY_DIRECTORY });
  } catch (cause) {
    throw new GatewayError('ERR_RECORDING_FAILED', `Cannot make the spool directory ${directory}`, {
      cause,
    });
  }
  const owner = readOwner(path);
  if (owner !== null && owner !== process.pid && isAlive(owner)) {
    throw new GatewayError(
      'ERR_RECORDING_FAILED',
      `The spool ${directory} belongs to process ${owner}`,
      {
        hint: 'Stop that process, or give this one a spool directory of its own',
      },
    );
  }
  fs.writeFileSync(path, `${process.pid}\n`, { mode: 0o600 });
  return () => fs.rmSync(path, { force: true });
}

function readOwner(path: string): number | null {
  try {
    const pid = Number(fs.readFileSync(path, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    // Nobody has been here, or left properly.
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else. Anything else: it is gone.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
