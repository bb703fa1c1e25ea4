/** What the security analyst does: list, play back, query and prove, on the running system and on a stopped one. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../local/child.ts';
import { discard, type System, startSystem } from './system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(async () => discard(system));

async function query(sql: string): Promise<readonly Record<string, unknown>[]> {
  const ran = await system.sallyport('query', sql, '--json');
  if (ran.status !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout);
}

test('an event can be queried within 5 s of its command, with the session still open', async () => {
  const client = await system.connect('alice');
  await client.query('select count(*) as recorded_soon from products');
  const found = await until(
    'the event',
    async () => {
      const rows = await query(`select * from events where statement like '%recorded_soon%'`);
      return rows.length > 0 ? rows : null;
    },
    5_000,
  );
  expect(JSON.stringify(found)).toContain('alice');
  await client.end();
});

test('a session is listed and played back, in the terminal and as a page', async () => {
  const client = await system.connect('frank');
  await client.query('select 1 as played_back');
  await client.query('drop table orders').catch(() => undefined);
  await client.end();
  const id = await until('the session', async () => {
    const rows = await query(`select session_id from events where statement like '%played_back%'`);
    return rows[0]?.['session_id'] as string | undefined;
  });
  expect((await system.sallyport('sessions')).stdout).toContain(id);
  const replay = await system.sallyport('replay', id);
  expect(replay).toMatchObject({ status: 0 });
  expect(replay.stdout).toContain('played_back');
  expect(replay.stdout).toContain('drop table orders');
  const page = path.join(system.state, 'replay.html');
  expect(await system.sallyport('replay', id, '--html', page)).toMatchObject({ status: 0 });
  expect(await readFile(page, 'utf8')).toContain('played_back');
});

test('verify proves the archive, and finds one changed byte', async () => {
  await system.stop();
  expect(await system.sallyport('verify')).toMatchObject({ status: 0 });
  const { directory } = system.local.archive;
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const segment = files.find((entry) => entry.isFile() && entry.name.endsWith('.ndjson.zst'));
  if (segment === undefined) throw new Error('There is no segment in the archive');
  const file = path.join(segment.parentPath, segment.name);
  const bytes = await readFile(file);
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  await writeFile(file, bytes);
  expect(await system.sallyport('verify')).toMatchObject({ status: 1 });
});
