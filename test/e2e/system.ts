/** The whole local system, started and used the way a person does it, with a state and ports of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { type Child, type Ran, runSallyport, startChild } from '../../local/child.ts';
import { removePostgresHome } from '../../local/postgres_home.ts';

export const HAS_PSQL = spawnSync('psql', ['--version']).status === 0;

export interface System extends Child {
  readonly state: string;
  readonly sallyport: (...args: string[]) => Promise<Ran>;
  readonly token: (user: string, ...flags: string[]) => Promise<string>;
  readonly connect: (user: string, options?: Partial<pg.ClientConfig>) => Promise<pg.Client>;
  /** psql as `user`, with `PGPASSWORD` and whatever else `env` says. */
  readonly psql: (user: string, args: readonly string[], env?: object) => Promise<ChildProcess>;
}

/** @param state a directory to go on from; a fresh one where none is given */
export async function startSystem(args: readonly string[] = [], state?: string): Promise<System> {
  const directory = state ?? (await mkdtemp(path.join(tmpdir(), 'sallyport-e2e-')));
  const child = await startChild(directory, args);
  const { host, port, database } = child.local.gateway;
  const token = async (user: string, ...flags: string[]) => {
    const ran = await runSallyport(directory, ['token', user, ...flags]);
    if (ran.status !== 0) throw new Error(ran.stderr);
    return ran.stdout.trim();
  };
  return {
    ...child,
    state: directory,
    sallyport: (...line) => runSallyport(directory, line),
    token,
    connect: async (user, options = {}) => {
      const password = options.password ?? (await token(user));
      const client = new pg.Client({ host, port, database, user, ...options, password });
      // Sessions that a test ends from the other side report it here as well.
      client.on('error', () => {});
      await client.connect();
      return client;
    },
    psql: async (user, line, extra = {}) => {
      const place = ['-X', '-h', host, '-p', String(port), '-U', user, '-d', database];
      const env = { ...process.env, PGPASSWORD: await token(user), ...extra };
      return spawn('psql', [...place, ...line], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    },
  };
}

/** Stops it and deletes the state, also what of it lies elsewhere under root. */
export async function discard(system: System | undefined): Promise<void> {
  if (system === undefined) return;
  await system.stop();
  await removePostgresHome(path.join(system.state, 'postgres'));
  await rm(system.state, { recursive: true, force: true });
}
