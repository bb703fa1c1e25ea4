/** Starting, stopping, being killed, and what is said when something is in the way. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { finish, type Ran, until } from '../../local/child.ts';
import { clusterOf } from '../../local/postgres_home.ts';
import { isAlive } from '../../local/process.ts';
import { discard, HAS_PSQL, type System, startSystem } from './system.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(async () => discard(system));

async function psql(args: readonly string[], env: object = {}): Promise<Ran> {
  return finish(await system.psql('alice', args, env));
}

async function startAnother(state: string, ...args: string[]): Promise<Ran> {
  const env = { ...process.env, SALLYPORT_STATE: state };
  const line = ['bin/enter.js', 'local/start.ts', ...args];
  return finish(spawn('node', line, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] }));
}

test.runIf(HAS_PSQL)("stock psql: the banner's line, TLS required or refused", async () => {
  for (const PGSSLMODE of ['prefer', 'require', 'disable']) {
    const ran = await psql(['-At', '-c', 'select email from customers where id = 1'], {
      PGSSLMODE,
    });
    expect(ran).toEqual({ status: 0, stdout: '****\n', stderr: '' });
  }
  const wrong = await psql(['-c', 'select 1'], { PGPASSWORD: 'hunter2' });
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain('FATAL:  password authentication failed for user "alice"');
});

test.runIf(HAS_PSQL)('stock psql looks around', async () => {
  const ran = await psql(['-c', '\\d customers', '-c', '\\dt', '-c', '\\df']);
  expect(ran.stderr).toBe('');
  expect(ran.stdout).toContain('date_of_birth');
});

test('a second start on the same state is told about the first', async () => {
  const ran = await startAnother(system.state);
  expect(ran).toMatchObject({ status: 1 });
  expect(ran.stdout).toContain(`already running (pid ${system.local.pid})`);
});

test('a busy port is named, with the flag that changes it', async () => {
  const busy = createServer().listen(0, '127.0.0.1');
  await once(busy, 'listening');
  const { port } = busy.address() as AddressInfo;
  const state = await mkdtemp(path.join(tmpdir(), 'sallyport-e2e-'));
  const target = 'postgres://u:p@127.0.0.1:1/orders';
  const others = ['--port', '0', '--page-port', '0', '--issuer-port', '0'];
  for (const flag of ['--port', '--page-port', '--issuer-port']) {
    const ran = await startAnother(state, '--target', target, ...others, flag, String(port));
    expect(ran.status).toBe(1);
    expect(ran.stdout).toContain(String(port));
    expect(ran.stdout).toContain(flag);
  }
  busy.close();
  await rm(state, { recursive: true, force: true });
});

test('a wrong key of the configuration is named', async () => {
  const file = path.join(system.state, 'wrong.json');
  await writeFile(file, JSON.stringify({ prot: 1 }));
  const ran = await startAnother(system.state, '--config', file);
  expect(ran).toMatchObject({ status: 1 });
  expect(ran.stdout).toContain('prot: there is no such key');
});

test('killed outright, it goes on from its state', async () => {
  const client = await system.connect('alice');
  await client.query(`begin`);
  await system.stop('SIGKILL');
  system = await startSystem([], system.state);
  const again = await system.connect('alice');
  expect((await again.query('select count(*)::int as n from orders')).rows).toEqual([{ n: 300 }]);
  await again.end();
});

test('a request that waits through a kill is not lost, and cannot run without its client', async () => {
  const client = await system.connect('alice');
  const notices: string[] = [];
  client.on('notice', (notice) => notices.push(notice.message ?? ''));
  client.query('delete from payments where id = 9').catch(() => undefined);
  const id = await until('a notice', async () => /apr_\w{26}/.exec(notices.join())?.[0]);
  await system.stop('SIGKILL');
  system = await startSystem([], system.state);
  const shown = await system.sallyport('approvals', 'show', id, '--json');
  expect(shown.stdout).toContain(id);
  const again = await system.connect('bob');
  const kept = await again.query('select count(*)::int as n from payments where id = 9');
  expect(kept.rows).toEqual([{ n: 1 }]);
  await again.end();
});

test('Ctrl-C ends sessions with a word, then everything, with nothing left behind', async () => {
  const client = await system.connect('alice');
  const said = once(client, 'error').catch((error: unknown) => [error]);
  const pidFile = await readFile(await postmasterPid(), 'utf8');
  const status = await system.stop('SIGINT');
  expect(status).toBe(0);
  const [reason] = await said;
  expect(reason).toBeInstanceOf(Error);
  expect(isAlive(Number(pidFile.split('\n')[0]))).toBe(false);
  expect(system.output()).toContain('Stopped');
});

async function postmasterPid(): Promise<string> {
  return path.join(clusterOf(path.join(system.state, 'postgres')), 'postmaster.pid');
}
