/**
 * What clients ask of the catalog by themselves must pass as plain reads, with nothing masked in them.
 * psql_queries.json was captured from psql 15 with --echo-hidden, one list of queries for each command.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Demo, startDemo } from './demo.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo();
}, 60_000);
afterAll(() => demo.stop());

const PSQL = JSON.parse(
  readFileSync(new URL('./psql_queries.json', import.meta.url), 'utf8'),
) as Record<string, readonly string[]>;

/**
 * Left out: server and subscription options are secrets, and the others ask for columns that PostgreSQL 17
 * renamed, so that the server refuses them.
 */
const LEFT_OUT: ReadonlySet<string> = new Set(['\\des', '\\dRs', '\\l', '\\l+', '\\dO']);

function checkPlainRead(sql: string): void {
  const classified = demo.classify(sql);
  if (classified.kind !== 'parsed') throw new Error(`${classified.message}: ${sql}`);
  const { facts, statements, redact } = classified;
  expect(facts.opaque, sql).toBeNull();
  expect(facts.unknown, sql).toEqual([]);
  expect(
    facts.accesses.filter(({ verb }) => verb !== 'read'),
    sql,
  ).toEqual([]);
  expect(redact).toEqual([]);
  for (const { outputs } of statements) {
    expect(outputs, `outputs of ${sql}`).not.toBeNull();
    expect(
      outputs?.filter((output) => output.unsure),
      sql,
    ).toEqual([]);
  }
}

describe('psql', () => {
  test.each(Object.entries(PSQL).filter(([command]) => !LEFT_OUT.has(command)))(
    '%s',
    (_, queries) => {
      for (const sql of queries) checkPlainRead(sql);
    },
  );
});

describe('drivers, mappers and tools', () => {
  test.each([
    'select version()',
    'select current_schema()',
    'select current_database(), current_user, session_user, pg_backend_pid()',
    "select current_setting('server_version_num')::int",
    "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'",
    "select column_name, data_type, is_nullable from information_schema.columns where table_name = 'orders'",
    `select kcu.column_name from information_schema.table_constraints tc
       join information_schema.key_column_usage kcu using (constraint_name, table_schema)
       where tc.constraint_type = 'PRIMARY KEY'`,
    `select a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid),
         col_description(a.attrelid, a.attnum)
       from pg_attribute a left join pg_attrdef d on a.attrelid = d.adrelid and a.attnum = d.adnum
       where a.attrelid = 'public.orders'::regclass and a.attnum > 0 and not a.attisdropped`,
    `select t.oid, t.typname, t.typelem, t.typdelim, r.rngsubtype from pg_type t
       left join pg_range r on t.oid = r.rngtypid where t.typname in ('int4', 'jsonb')`,
    `select i.relname, ix.indkey::text, array_to_string(array_agg(a.attname), ', ')
       from pg_class t, pg_class i, pg_index ix, pg_attribute a
       where t.oid = ix.indrelid and i.oid = ix.indexrelid and a.attnum = any (ix.indkey)
       group by i.relname, ix.indkey`,
    'select s.nspname as schema, pg_catalog.obj_description(s.oid) from pg_catalog.pg_namespace s',
    "select pg_get_viewdef('customer_contacts'::regclass, true), to_regclass('orders')",
    'select relname, n_live_tup from pg_stat_user_tables',
    'select name, setting, source from pg_settings',
  ])('%s', (sql) => {
    checkPlainRead(sql);
  });
});
