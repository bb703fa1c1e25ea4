/** What was done through the gateway, read back by the command line while the session is still open. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../local/child.ts';
import { discard, type System, startSystem } from './system.ts';

/** An event can be asked for so long after its command, at the latest. */
const FRESH_MS = 5_000;

let system: System;
let client: pg.Client;
beforeAll(async () => {
  system = await startSystem();
  client = await system.connect('alice', { application_name: 'archive-test' });
});
afterAll(async () => {
  await client?.end();
  await discard(system);
});

async function json(...args: string[]) {
  const { status, stdout, stderr } = await system.sallyport(...args, '--json');
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

test('a command is in the table within seconds, masked, its session still open', async () => {
  await client.query('select email as fresh from customers where id = 1');
  const done = Date.now();
  const sql = `select statement, decision, masked_cells from events
    where event_kind = 'command.result' and statement like '%as fresh%'`;
  let rows = await json('query', sql);
  while (rows.length === 0 && Date.now() - done < FRESH_MS) rows = await json('query', sql);
  expect(rows).toEqual([
    {
      statement: 'select email as fresh from customers where id = 1',
      decision: 'allow',
      masked_cells: 1,
    },
  ]);
  const [session] = await json('sessions');
  expect(session).toMatchObject({ state: 'open', who: { principal: 'alice@example.com' } });
});

test('a refusal is told with its message, in the terminal and on the page', async () => {
  const error = await client.query('drop table orders').catch((reason: Error) => reason);
  const { message } = error as Error;
  // The refusal is answered as soon as it is on disk; the archive has it a moment later.
  const told = await until('the refusal in the archive', async () => {
    const replay = await system.sallyport('replay', 'last');
    return replay.stdout.includes('DROP TABLE') ? replay : undefined;
  });
  expect(told.stdout).toContain('✗ DROP TABLE: denied by');
  expect(told.stdout).toContain(`Refused: ${message}`);
  expect(told.stdout).toContain('with archive-test');
  const home = await mkdtemp(path.join(tmpdir(), 'sallyport-replay-'));
  const file = path.join(home, 'session.html');
  expect(await system.sallyport('replay', 'last', '--html', file)).toMatchObject({ status: 0 });
  expect(await readFile(file, 'utf8')).toContain('drop table orders');
  await rm(home, { recursive: true });
  expect(await json('query', 'denied')).toMatchObject([
    { denied: 1, last_refused: 'drop table orders' },
  ]);
});
