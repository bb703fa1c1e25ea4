/** The data path against a real PostgreSQL, by a driver. The gate of the tests refuses DROP alone. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postgres, startPostgres } from '../../../local/postgres.ts';
import { refusal, startTestGateway, type TestGateway } from '../../support/gateway.ts';

let postgres: Postgres;
let gateway: TestGateway;

beforeAll(async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'sallyport-wire-'));
  postgres = await startPostgres({ directory, port: 0 });
  gateway = await startTestGateway({
    upstream: { ...postgres, tls: { mode: 'disable' } },
    judge: async ({ facts }) => (facts.tag.startsWith('DROP') ? refusal('No drops') : null),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await postgres?.destroy();
});

async function withClient<T>(work: (client: pg.Client) => Promise<T>, user = 'alice'): Promise<T> {
  const { port } = gateway;
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user,
    password: user,
    database: 'orders',
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => '',
    (error: { code: string }) => error.code,
  );

test('masks by column, by lineage and by detector, simple and extended', async () => {
  await withClient(async (client) => {
    for (const values of [undefined, [1]]) {
      const where = values === undefined ? '1' : '$1';
      const { rows } = await client.query(
        `select email as e, upper(phone) as p, date_of_birth as d, notes from customers where id = ${where}`,
        values,
      );
      expect(rows[0]).toMatchObject({ e: '****', p: '****', d: null });
      expect(JSON.stringify(rows)).not.toContain('@');
    }
  });
});

test.each([
  ['drop table orders', '42501'],
  ['selekt 1', '42601'],
  ['select * from nothere', '42P01'],
  ['copy orders to stdout', '0A000'],
  ["update customers set email = '****' where id = 1", '42501'],
])('H#45: the session is usable after %s is refused with %s', async (sql, code) => {
  await withClient(async (client) => {
    expect(await codeOf(client.query(sql))).toBe(code);
    expect(await codeOf(client.query({ text: sql, values: [], name: 'named' }))).toBe(code);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });
});

test('a refusal inside a transaction fails it at the target too', async () => {
  await withClient(async (client) => {
    for (const values of [undefined, ['1']]) {
      await client.query('begin');
      const sql = values === undefined ? 'drop table orders' : 'drop table orders';
      expect(
        await codeOf(client.query(values === undefined ? sql : { text: sql, name: 'd' })),
      ).toBe('42501');
      expect(await codeOf(client.query('select 1'))).toBe('25P02');
      await client.query('rollback');
      expect(await codeOf(client.query('select 1'))).toBe('');
    }
  });
});

test('error texts of statements that touch masked columns lose their values', async () => {
  await withClient(async (client) => {
    const error = await client.query('select email::int from customers').catch((e: Error) => e);
    expect((error as Error).message).toContain('withheld');
    expect((error as { code?: string }).code).toBe('22P02');
  });
});

test('CVE-2015-6817: another user than the token names gets the plain authentication error', async () => {
  const login = (user: string, password: string) => {
    const options = { host: '127.0.0.1', port: gateway.port, database: 'orders' };
    return new pg.Client({ ...options, user, password }).connect().catch((e: Error) => e);
  };
  for (const password of ['wrong', 'bob']) {
    expect((await login('alice', password)) as Error).toMatchObject({
      code: '28P01',
      message: 'password authentication failed for user "alice"',
    });
  }
  expect(await login('mallory', 'mallory')).toMatchObject({ code: '28000' });
});
