import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../local/ports.ts';
import { type Postgres, startPostgres } from '../../local/postgres.ts';
import { seedRows } from '../../local/seed_rows.ts';

let directory: string;
let postgres: Postgres;

beforeAll(async () => {
  directory = path.join(await mkdtemp(path.join(tmpdir(), 'sallyport-pg-')), 'postgres');
  postgres = await startPostgres({ directory, port: 0 });
}, 60_000);

afterAll(async () => {
  await postgres?.destroy();
  await rm(path.dirname(directory), { recursive: true, force: true });
});

async function query(sql: string, options: Partial<pg.ClientConfig> = {}): Promise<pg.QueryResult> {
  const { host, port, user, password, database } = postgres;
  const client = new pg.Client({ host, port, user, password, database, ...options });
  try {
    await client.connect();
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

test('the demo database holds what the tour needs', async () => {
  const counts = await query(`select
    (select count(*)::int from customers) as customers, (select count(*)::int from products) as products,
    (select count(*)::int from orders) as orders, (select count(*)::int from payments) as payments,
    (select count(*)::int from customer_contacts) as contacts,
    (select count(*)::int from customers where notes::text ~ '@example.org') as notes_with_email`);
  expect(counts.rows[0]).toMatchObject({
    customers: 120,
    products: 24,
    orders: 300,
    contacts: 120,
  });
  expect(counts.rows[0].payments).toBeGreaterThan(150);
  expect(counts.rows[0].notes_with_email).toBe(40);
});

test('ids go on after the seeded ones', async () => {
  const added = await query(
    `insert into products (sku, name, price_cents) values ('X', 'x', 1) returning id`,
  );
  expect(added.rows[0].id).toBe(25);
});

test('the gateway signs in by SCRAM-SHA-256, as no superuser', async () => {
  const role = await query(
    `select rolsuper, rolcreaterole from pg_roles where rolname = current_user`,
  );
  expect(role.rows).toEqual([{ rolsuper: false, rolcreaterole: false }]);
  await expect(query('select 1', { password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  const rules = await query(`show password_encryption`);
  expect(rules.rows[0].password_encryption).toBe('scram-sha-256');
});

test('credentials are private to the owner', async () => {
  const file = await stat(path.join(directory, 'credentials.json'));
  expect(file.mode & 0o777).toBe(0o600);
  expect(await readdir(directory)).not.toContain('initdb-password');
});

test('a server that a killed start left behind is replaced, and what was written stays', async () => {
  await query(`insert into products (sku, name, price_cents) values ('KEPT', 'kept', 1)`);
  const left = postgres;
  postgres = await startPostgres({ directory, port: 0 });
  const kept = await query(`select count(*)::int as n from products where sku = 'KEPT'`);
  expect(kept.rows[0].n).toBe(1);
  await left.close();
}, 60_000);

test('a busy port is named, with the flag that changes it', async () => {
  await expect(freePort('127.0.0.1', postgres.port, '--port')).rejects.toMatchObject({
    code: 'ERR_PORT_BUSY',
    message: `Cannot listen on 127.0.0.1:${postgres.port}: already in use`,
    hint: 'Choose another port with --port PORT',
  });
});

test('rows are the same every time, and obviously fake', () => {
  const rows = seedRows();
  expect(seedRows()).toEqual(rows);
  for (const customer of rows.customers) {
    expect(customer.email).toMatch(/@example\.com$/);
    expect(customer.phone).toMatch(/^\+1 202-555-01\d\d$/);
    expect(customer.ssn).toMatch(/^9\d\d-[1-4]\d-\d{4}$/);
  }
  for (const payment of rows.payments) expect(luhnSum(payment.card_number) % 10).toBe(0);
});

function luhnSum(number: string): number {
  const weights = number
    .split('')
    .reverse()
    .map((digit, at) => Number(digit) * (at % 2 === 0 ? 1 : 2));
  return weights.reduce((sum, value) => sum + (value > 9 ? value - 9 : value), 0);
}
