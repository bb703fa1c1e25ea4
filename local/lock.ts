/** One local system per state directory: a second start is told so, a dead one's lock is taken over. */
import { open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { GatewayError } from '../core/errors.ts';
import { commandLine, isAlive } from './process.ts';

/** How often a lock that vanished between two looks is tried again. */
const ATTEMPTS_MAX = 3;

export interface Lock {
  readonly release: () => Promise<void>;
}

/** @throws GatewayError ERR_CONFIG_INVALID where another local system runs on this state */
export async function takeLock(stateDirectory: string): Promise<Lock> {
  const file = path.join(stateDirectory, 'lock');
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    try {
      const handle = await open(file, 'wx', 0o600);
      await handle.writeFile(String(process.pid));
      await handle.close();
      return { release: () => rm(file, { force: true }) };
    } catch (error) {
      // EEXIST: somebody holds it, or held it when they were killed. Anything else is a broken directory.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const pid = await holder(file);
    if (pid !== null && pid !== process.pid && isAlive(pid) && (await isOurs(pid))) {
      throw new GatewayError(
        'ERR_CONFIG_INVALID',
        `A local system is already running (pid ${pid})`,
        {
          hint: 'Use that one, or stop it with Ctrl-C; SALLYPORT_STATE=DIRECTORY starts a second one',
        },
      );
    }
    await rm(file, { force: true });
  }
  throw new GatewayError('ERR_CONFIG_INVALID', `Cannot take the lock "${file}"`, {
    hint: 'Several local systems are starting at once: try again',
  });
}

async function holder(file: string): Promise<number | null> {
  try {
    const pid = Number(await readFile(file, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    // Released in this very moment.
    return null;
  }
}

/** A pid from before a reboot may belong to anything by now. */
async function isOurs(pid: number): Promise<boolean> {
  return (await commandLine(pid)).includes('node');
}
