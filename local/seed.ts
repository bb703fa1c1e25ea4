/** Puts the demo database into an empty PostgreSQL; leaves one that holds it alone. */
import { readFile } from 'node:fs/promises';
import type { Client } from 'pg';
import { seedRows } from './seed_rows.ts';

/** The demo database's name, and the target's. */
export const DEMO_DATABASE = 'orders';

/** Tables in the order that their references need. The flag says whether `id` counts by itself. */
const TABLES = [
  { name: 'customers', counts: true },
  { name: 'products', counts: true },
  { name: 'orders', counts: true },
  { name: 'order_items', counts: false },
  { name: 'payments', counts: true },
] as const;

/**
 * One transaction, so that a start that is killed half way leaves nothing behind.
 *
 * @param client connected to the database as the role that shall own the tables
 * @returns false where the tables were there already
 */
export async function seedDatabase(client: Client): Promise<boolean> {
  const found = await client.query<{ there: boolean }>(
    `select to_regclass('public.customers') is not null as there`,
  );
  if (found.rows[0]?.there === true) return false;
  const rows = seedRows();
  await client.query('begin');
  await client.query(await readFile(new URL('./seed.sql', import.meta.url), 'utf8'));
  for (const { name, counts } of TABLES) {
    await client.query(
      `insert into ${name} select * from jsonb_populate_recordset(null::${name}, $1)`,
      [JSON.stringify(rows[name])],
    );
    if (counts) {
      await client.query(
        `select setval(pg_get_serial_sequence('${name}', 'id'), max(id)) from ${name}`,
      );
    }
  }
  await client.query('commit');
  await client.query('analyze');
  return true;
}
