/** Creates a cluster, and ends the server that a killed start left behind. */
import { execFile } from 'node:child_process';
import { chown, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { GatewayError } from '../core/errors.ts';
import type { PostgresHome } from './postgres_home.ts';
import { commandLine, isAlive } from './process.ts';

const run = promisify(execFile);
const POLL_MS = 50;

/**
 * The same on every machine: UTF-8, the built-in collation, SCRAM-SHA-256 and nothing else.
 * `--no-sync`: a cluster that a crash of the whole machine damages now is simply made again.
 */
export async function createCluster(
  home: PostgresHome,
  cluster: string,
  admin: string,
  password: string,
): Promise<void> {
  const passwordFile = path.join(home.directory, 'initdb-password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const flags = [
    `--pgdata=${cluster}`,
    `--username=${admin}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-sync',
    '--no-instructions',
  ];
  try {
    await giveTo(home, passwordFile);
    await run(path.join(home.programs, 'bin', 'initdb'), flags, {
      cwd: home.directory,
      env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
      ...home.owner,
    });
  } catch (cause) {
    await rm(cluster, { recursive: true, force: true });
    throw new GatewayError('ERR_TARGET_UNAVAILABLE', 'Cannot create the PostgreSQL cluster', {
      hint: (cause as { stderr?: string }).stderr?.trim() ?? '',
      cause,
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function giveTo(home: PostgresHome, file: string): Promise<void> {
  if (home.owner === null) return;
  await chown(file, home.owner.uid, home.owner.gid);
}

/**
 * A start that was killed outright leaves its server running. Its pid file names it; but pids are used
 * again, so the process must also have been started on this very cluster before it is told to stop.
 */
export async function stopLeftOver(cluster: string, deadlineMs: number): Promise<void> {
  const pid = await readPid(path.join(cluster, 'postmaster.pid'));
  if (pid === null || !(await commandLine(pid)).includes(cluster)) return;
  process.kill(pid, 'SIGINT');
  const deadline = performance.now() + deadlineMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) process.kill(pid, 'SIGQUIT');
    await sleep(POLL_MS);
  }
}

async function readPid(file: string): Promise<number | null> {
  try {
    const pid = Number((await readFile(file, 'utf8')).split('\n')[0]);
    return Number.isSafeInteger(pid) && pid > 1 ? pid : null;
  } catch {
    // No pid file: nothing is running on this cluster.
    return null;
  }
}
