/** A PostgreSQL of the user's own behind the gateway, and two targets that behave apart. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postgres, startPostgres } from '../../local/postgres.ts';
import { discard, startSystem } from './system.ts';

let directory: string;
let own: Postgres;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-own-'));
  own = await startPostgres({ directory: path.join(directory, 'postgres'), port: 0 });
  await makeShop();
});
afterAll(async () => {
  await own?.destroy();
  await rm(directory, { recursive: true, force: true });
});

/** A database that is not the demo's. */
async function makeShop(): Promise<void> {
  const { host, port, user } = own;
  const credentials = path.join(directory, 'postgres', 'credentials.json');
  const { admin } = JSON.parse(await readFile(credentials, 'utf8'));
  const owner = { host, port, user: 'postgres', password: admin };
  const first = new pg.Client({ ...owner, database: 'postgres' });
  await first.connect();
  await first.query(`create database shop owner ${user}`);
  await first.end();
  const shop = new pg.Client({ ...own, database: 'shop' });
  await shop.connect();
  await shop.query(`create table items (id int primary key, note text)`);
  await shop.query(`insert into items values (1, 'write to someone@example.net')`);
  await shop.end();
}

test("--target: a database of the user's own, with policies of its own to edit", async () => {
  const url = `postgres://${own.user}:${own.password}@${own.host}:${own.port}/shop`;
  const system = await startSystem(['--target', url]);
  try {
    expect(system.local.gateway.database).toBe('shop');
    expect(system.output()).toContain('policies');
    expect(system.output()).not.toContain(own.password);
    const client = await system.connect('alice');
    const { rows } = await client.query('select * from items');
    expect(rows).toEqual([{ id: 1, note: 'write to ****' }]);
    await expect(client.query('drop table items')).rejects.toMatchObject({ code: '42501' });
    await client.end();
  } finally {
    await discard(system);
  }
});

test('two targets behave apart', async () => {
  const policies = path.join(directory, 'policies');
  await cp(path.resolve('policies'), policies, { recursive: true });
  await writeFile(
    path.join(policies, 'archive.cedar'),
    `@id("archive-read")
permit (
  principal in Sallyport::Group::"security",
  action in [Sallyport::Action::"connect", Sallyport::Action::"execute", Sallyport::Action::"read"],
  resource in Sallyport::Target::"archive"
);
`,
  );
  const config = path.join(directory, 'config.json');
  const masks = { columns: [], detectors: [] };
  const targets = [
    { name: 'orders', environment: 'demo' },
    { name: 'archive', environment: 'demo', masks },
  ];
  await writeFile(config, JSON.stringify({ policies, targets }));
  const system = await startSystem(['--config', config]);
  try {
    const sql = 'select email from customers where id = 1';
    const alice = await system.connect('alice');
    expect((await alice.query(sql)).rows).toEqual([{ email: '****' }]);
    await alice.end();
    const carol = await system.connect('carol', { database: 'archive' });
    expect((await carol.query(sql)).rows[0].email).toMatch(/@example\.com$/);
    await carol.end();
    await expect(system.connect('alice', { database: 'archive' })).rejects.toMatchObject({
      code: '28000',
    });
    await expect(system.connect('carol', { database: 'orders' })).rejects.toMatchObject({
      code: '28000',
    });
    await expect(system.connect('alice', { database: 'nowhere' })).rejects.toMatchObject({
      code: '3D000',
    });
  } finally {
    await discard(system);
  }
});
