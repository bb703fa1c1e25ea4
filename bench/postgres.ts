/**
 * `npm run bench:postgres`: what the gateway costs, against a direct connection and PgBouncer.
 *
 * Everything runs on this machine and shares its cores, so absolute numbers say little: slices of all
 * routes are interleaved, the order is turned round every time, and the table shows medians of ratios.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mintToken, startIssuer } from '../local/issuer.ts';
import { startPostgres } from '../local/postgres.ts';
import type { Upstream } from '../proxy/services.ts';
import type { GatewayOrder, GatewayReady } from './gateway_process.ts';
import { createTables, MODES, type Mode, measure, type Route } from './pgbench.ts';
import { type PgBouncer, startPgBouncer } from './pgbouncer.ts';
import { markdown, rowsOf, type Sample, writeInto } from './report.ts';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** In `engineering`: may read every table of the target. */
const USER = 'alice';
const TOKEN_SECONDS = 24 * 3600;
const WARM_UP_SECONDS = 2;

const HELP = `Usage: npm run bench:postgres -- [options]

Options:
  --rounds N       measured rounds (5)
  --seconds N      of each slice (2)
  --clients LIST   1,8,32
  --modes LIST     simple,extended,prepared
  --write          put the table into README.md, between its markers
  --profile DIR    write a CPU profile of the gateway (node --cpu-prof)`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    clients: { type: 'string', default: '1,8,32' },
    modes: { type: 'string', default: MODES.join(',') },
    write: { type: 'boolean', default: false },
    profile: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) say(HELP);
else await bench();

async function bench(): Promise<void> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'sallyport-bench-'));
  const clients = values.clients.split(',').map(Number);
  const postgres = await startPostgres({ directory: path.join(directory, 'postgres'), port: 0 });
  const issuer = await startIssuer({ directory: path.join(directory, 'issuer'), port: 0 });
  let gateway: ChildProcess | null = null;
  let bouncer: PgBouncer | null = null;
  try {
    const { host, port, database, user, password } = postgres;
    const upstream: Upstream = { host, port, database, user, password, tls: { mode: 'disable' } };
    const direct: Route = { name: 'direct', port, database, user, password, pid: null };
    await createTables(direct);
    bouncer = await startPgBouncer(upstream, Math.max(...clients) + 1);
    if (bouncer === null) say('PgBouncer is not installed: its columns stay empty\n');
    gateway = startGateway();
    const order = {
      directory,
      policies: path.join(ROOT, 'policies'),
      issuer: issuer.url,
      upstream,
    };
    const through: Route = {
      name: 'gateway',
      port: (await orderGateway(gateway, order)).port,
      database,
      user: USER,
      password: await mintToken(path.join(directory, 'issuer'), USER, {
        expiresInSeconds: TOKEN_SECONDS,
      }),
      pid: gateway.pid ?? null,
    };
    const routes = [direct, ...(bouncer === null ? [] : [bouncer.route]), through];
    const table = markdown(rowsOf(await rounds(routes, clients)));
    say(`\n${table}`);
    if (values.write) await writeInto(path.join(ROOT, 'README.md'), table);
  } finally {
    await stopGateway(gateway);
    await bouncer?.close();
    await issuer.close();
    await postgres.destroy();
    await rm(directory, { recursive: true, force: true });
  }
}

function startGateway(): ChildProcess {
  const { profile } = values;
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  return fork(path.join(ROOT, 'bench', 'gateway_process.ts'), { execArgv: flags });
}

function orderGateway(gateway: ChildProcess, order: GatewayOrder): Promise<GatewayReady> {
  return new Promise((resolve, reject) => {
    gateway.once('message', (ready) => resolve(ready as GatewayReady));
    gateway.once('exit', () => reject(new Error('The gateway ended before it was ready')));
    gateway.send(order);
  });
}

async function stopGateway(gateway: ChildProcess | null): Promise<void> {
  if (gateway === null || gateway.exitCode !== null || !gateway.connected) return;
  const gone = new Promise((resolve) => gateway.once('exit', resolve));
  gateway.disconnect();
  await gone;
}

async function rounds(
  routes: readonly Route[],
  clients: readonly number[],
): Promise<readonly Sample[]> {
  const count = Number(values.rounds);
  const modes = values.modes.split(',') as Mode[];
  const samples: Sample[] = [];
  for (const mode of modes) {
    for (const route of routes) {
      await measure(route, { mode, clients: Math.max(...clients), seconds: WARM_UP_SECONDS });
    }
  }
  for (let round = 0; round < count; round += 1) {
    const order = round % 2 === 0 ? routes : routes.toReversed();
    for (const mode of modes) {
      for (const number of clients) {
        for (const route of order) {
          const slice = { mode, clients: number, seconds: Number(values.seconds) };
          const measured = await measure(route, slice);
          samples.push({ round, route: route.name, mode, clients: number, measured });
        }
      }
    }
    say(`Round ${round + 1} of ${count}`);
  }
  return samples;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
