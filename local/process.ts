/** What there is to know about other processes of this machine. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How it was started, '' where there is no such process: pids are used again, so ask before acting on one. */
export async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform !== 'linux') {
      return (await run('ps', ['-p', String(pid), '-o', 'command='])).stdout;
    }
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch {
    // No such process.
    return '';
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and is someone else's. ESRCH: it is gone.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
