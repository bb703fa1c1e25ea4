/** PgBouncer before the same database, as the yardstick: session pooling, nothing judged. */
import { type ChildProcess, spawn } from 'node:child_process';
import { access, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../local/ports.ts';
import type { Upstream } from '../proxy/services.ts';
import type { Route } from './pgbench.ts';

const HOST = '127.0.0.1';
/** Debian and its kin put it where a user's PATH does not look. */
const PROGRAMS = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'];
/** It refuses to run as root; user and group "nobody" of Linux. */
const NOBODY = 65_534;
const START_DEADLINE_MS = 5_000;

export interface PgBouncer {
  readonly route: Route;
  readonly close: () => Promise<void>;
}

/** null where it is not installed. */
export async function startPgBouncer(
  upstream: Upstream,
  connections: number,
): Promise<PgBouncer | null> {
  const program = await firstExisting(PROGRAMS);
  if (program === null) return null;
  const directory = await mkdtemp(path.join(os.tmpdir(), 'sallyport-pgbouncer-'));
  const port = await freePort(HOST, 0, '');
  const file = path.join(directory, 'pgbouncer.ini');
  await writeFile(file, configuration(upstream, port, connections), { mode: 0o600 });
  const root = process.getuid?.() === 0;
  if (root) for (const name of [directory, file]) await chown(name, NOBODY, NOBODY);
  const owner = root ? { uid: NOBODY, gid: NOBODY } : {};
  const child = spawn(program, ['--quiet', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    ...owner,
  });
  const close = () => stop(child, directory);
  try {
    await untilListening(port);
  } catch (error) {
    await close();
    throw error;
  }
  const { database, user, password } = upstream;
  const pid = child.pid ?? null;
  return { route: { name: 'PgBouncer', port, database, user, password, pid }, close };
}

function configuration(upstream: Upstream, port: number, connections: number): string {
  const { host, database, user, password } = upstream;
  return [
    '[databases]',
    `${database} = host=${host} port=${upstream.port} dbname=${database} user=${user} password=${password}`,
    '[pgbouncer]',
    `listen_addr = ${HOST}`,
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = session',
    `default_pool_size = ${connections}`,
    'server_idle_timeout = 5',
    'ignore_startup_parameters = extra_float_digits',
    '',
  ].join('\n');
}

async function firstExisting(files: readonly string[]): Promise<string | null> {
  for (const file of files) {
    try {
      await access(file);
      return file;
    } catch {
      // Not here: look in the next place.
    }
  }
  return null;
}

async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!(await listens(port))) {
    if (performance.now() > deadline) throw new Error('PgBouncer does not listen');
    await sleep(50);
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, HOST, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function stop(child: ChildProcess, directory: string): Promise<void> {
  if (child.exitCode === null && child.pid !== undefined) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }
  await rm(directory, { recursive: true, force: true });
}
