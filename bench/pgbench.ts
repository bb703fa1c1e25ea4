/** Runs pgbench, PostgreSQL's own load generator, and reads what it says. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { median } from './statistics.ts';

const run = promisify(execFile);

/** pgbench's `--protocol`. */
export const MODES = ['simple', 'extended', 'prepared'] as const;
export type Mode = (typeof MODES)[number];

export interface Route {
  readonly name: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Whose CPU time is counted; null: nobody's. */
  readonly pid: number | null;
}

export interface Slice {
  readonly mode: Mode;
  readonly clients: number;
  readonly seconds: number;
}

export interface Measured {
  readonly transactionsPerSecond: number;
  readonly medianMs: number;
  /** Of the route's process, user and system, per transaction. */
  readonly cpuMicroseconds: number;
}

const HOST = '127.0.0.1';
/** USER_HZ: clock ticks per second of /proc/PID/stat, 100 on every Linux (man 5 proc). */
const TICKS_PER_SECOND = 100;
/** Rows of pgbench_accounts in units of 100,000. */
const SCALE = 1;

export async function createTables(route: Route): Promise<void> {
  await pgbench(route, ['--initialize', `--scale=${SCALE}`, '--quiet']);
}

export async function measure(route: Route, slice: Slice): Promise<Measured> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'sallyport-pgbench-'));
  try {
    const before = await cpuSeconds(route.pid);
    const output = await pgbench(route, [
      '--select-only',
      '--no-vacuum',
      `--protocol=${slice.mode}`,
      `--client=${slice.clients}`,
      `--time=${slice.seconds}`,
      '--log',
      `--log-prefix=${path.join(directory, 'log')}`,
    ]);
    const cpu = (await cpuSeconds(route.pid)) - before;
    const latencies = await readLatencies(directory);
    return {
      transactionsPerSecond: Number(/^tps = ([0-9.]+)/m.exec(output)?.[1]),
      medianMs: median(latencies) / 1000,
      cpuMicroseconds: (cpu * 1e6) / latencies.length,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function pgbench(route: Route, args: readonly string[]): Promise<string> {
  const { stdout } = await run(
    'pgbench',
    [
      '--host',
      HOST,
      '--port',
      String(route.port),
      '--username',
      route.user,
      ...args,
      route.database,
    ],
    { env: { ...process.env, PGPASSWORD: route.password, PGSSLMODE: 'disable' } },
  );
  return stdout;
}

/** Microseconds, the third word of each line (pgbench manual, "Per-Transaction Logging"). */
async function readLatencies(directory: string): Promise<readonly number[]> {
  const files = await readdir(directory);
  const texts = await Promise.all(
    files.map((file) => readFile(path.join(directory, file), 'utf8')),
  );
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line !== '')
    .map((line) => Number(line.split(' ')[2]));
}

async function cpuSeconds(pid: number | null): Promise<number> {
  if (pid === null) return 0;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 and 15, counted behind the name, which may hold spaces (man 5 proc).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
