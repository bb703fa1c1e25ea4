/** Everything that is not a query or a change of rows: the verb, the object, the tag. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Demo, line, startDemo } from './demo.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo([
    'create materialized view totals as select count(*) as n from orders',
    'create schema audit',
    "create type mood as enum ('good')",
  ]);
}, 60_000);
afterAll(() => demo.stop());

function check(sql: string, tag: string, expected: string): void {
  test(sql, () => {
    const classified = demo.classify(sql);
    expect(line(classified)).toBe(expected);
    expect(classified.kind === 'parsed' && classified.facts.tag).toBe(tag);
  });
}

describe('data definition', () => {
  check('create table x (id int)', 'CREATE TABLE', 'create schema public');
  check('create table audit.x (id int)', 'CREATE TABLE', 'create schema audit');
  check('create temp table x (id int)', 'CREATE TABLE', 'create schema pg_temp');
  check('create table x as table orders', 'CREATE TABLE AS', 'create schema public; read orders');
  check(
    'create materialized view x as select id from orders',
    'CREATE MATERIALIZED VIEW',
    'create schema public; read orders(id)',
  );
  check(
    'create view x as select id from orders',
    'CREATE VIEW',
    'create schema public; read orders(id)',
  );
  check(
    'create or replace function f() returns int language sql as $$ select 1 $$',
    'CREATE FUNCTION',
    'create schema public',
  );
  check(
    'create procedure audit.f() language sql as $$ select 1 $$',
    'CREATE PROCEDURE',
    'create schema audit',
  );
  check('create index on orders (status)', 'CREATE INDEX', 'create orders');
  check(
    'create trigger t before insert on orders for each row execute function f()',
    'CREATE TRIGGER',
    'create orders',
  );
  check('create rule r as on insert to orders do instead nothing', 'CREATE RULE', 'create orders');
  check('create policy p on orders using (true)', 'CREATE POLICY', 'create orders');
  check('create sequence s', 'CREATE SEQUENCE', 'create schema public');
  check("create type t as enum ('a')", 'CREATE TYPE', 'create target orders');
  check('create schema s', 'CREATE SCHEMA', 'create schema s');
  check(
    'create schema s create table t (id int)',
    'CREATE SCHEMA',
    'create schema s; create schema public',
  );
  check('create extension dblink', 'CREATE EXTENSION', 'create target orders');
  check('create database d', 'CREATE DATABASE', 'create target orders');
  check(
    'create aggregate agg (int) (sfunc = int4pl, stype = int)',
    'CREATE AGGREGATE',
    'create schema public',
  );
  check('alter table orders add column x int', 'ALTER TABLE', 'alter orders');
  check('alter table orders rename to o', 'ALTER TABLE', 'alter orders');
  check('alter table orders rename column status to s', 'ALTER TABLE', 'alter orders');
  check('alter table orders owner to bob', 'ALTER TABLE', 'alter orders');
  check('alter table orders set schema audit', 'ALTER TABLE', 'alter orders');
  check('alter view customer_contacts rename to c', 'ALTER VIEW', 'alter customer_contacts');
  check('alter index orders_customer_id rename to i', 'ALTER INDEX', 'alter orders_customer_id');
  check(
    'alter function purge_old_orders(int) owner to bob',
    'ALTER FUNCTION',
    'alter function public.purge_old_orders',
  );
  check(
    'alter function purge_old_orders(int) stable',
    'ALTER FUNCTION',
    'alter function public.purge_old_orders',
  );
  check("alter type mood add value 'bad'", 'ALTER TYPE', 'alter target orders');
  check('alter type mood rename to m', 'ALTER TYPE', 'alter schema public');
  check('alter schema audit rename to a', 'ALTER SCHEMA', 'alter schema audit');
  check(
    "alter system set work_mem = '1MB'",
    'ALTER SYSTEM',
    'alter target orders; set setting work_mem',
  );
  check(
    "alter database orders set work_mem = '1MB'",
    'ALTER DATABASE',
    'alter target orders; set setting work_mem',
  );
  check('drop table orders, payments', 'DROP TABLE', 'drop orders; drop payments');
  check('drop table if exists public.orders cascade', 'DROP TABLE', 'drop orders');
  check('drop table nowhere', 'DROP TABLE', 'UNKNOWN nowhere');
  check('drop table if exists nowhere', 'DROP TABLE', 'drop schema public');
  check('drop view customer_contacts', 'DROP VIEW', 'drop customer_contacts');
  check('drop materialized view totals', 'DROP MATERIALIZED VIEW', 'drop totals');
  check('drop index orders_customer_id', 'DROP INDEX', 'drop orders_customer_id');
  check('drop function purge_old_orders', 'DROP FUNCTION', 'drop function public.purge_old_orders');
  check(
    'drop function purge_old_orders(int)',
    'DROP FUNCTION',
    'drop function public.purge_old_orders',
  );
  check('drop schema audit cascade', 'DROP SCHEMA', 'drop schema audit');
  check('drop type mood', 'DROP TYPE', 'drop schema public');
  check('drop trigger t on orders', 'DROP TRIGGER', 'drop orders');
  check('drop policy p on public.orders', 'DROP POLICY', 'drop orders');
  check('drop database d', 'DROP DATABASE', 'drop target orders');
  check('drop owned by bob', 'DROP OWNED', 'drop target orders');
  check("comment on table orders is 'x'", 'COMMENT', 'alter orders');
  check("comment on column orders.status is 'x'", 'COMMENT', 'alter orders');
});

describe('privileges and roles', () => {
  check('grant select on orders, payments to bob', 'GRANT', 'grant orders; grant payments');
  check('revoke all on orders from bob', 'REVOKE', 'grant orders');
  check('grant select on all tables in schema public to bob', 'GRANT', 'grant schema public');
  check(
    'grant execute on function purge_old_orders(int) to bob',
    'GRANT',
    'grant function public.purge_old_orders',
  );
  check('grant usage on schema public to bob', 'GRANT', 'grant schema public');
  check('grant connect on database orders to bob', 'GRANT', 'grant target orders');
  check('grant admins to bob', 'GRANT ROLE', 'grant role admins');
  check('create role bob login', 'CREATE ROLE', 'create role bob');
  check('alter role bob superuser', 'ALTER ROLE', 'alter role bob');
  check(
    "alter role bob set work_mem = '1MB'",
    'ALTER ROLE',
    'alter role bob; set setting work_mem',
  );
  check('alter role bob rename to rob', 'ALTER ROLE', 'alter role bob');
  check('drop role bob, carol', 'DROP ROLE', 'drop role bob; drop role carol');
  check('set role bob', 'SET', 'assume role bob');
  check("set role 'bob'", 'SET', 'assume role bob');
  check("set session role to 'bob'", 'SET', 'assume role bob');
  check('set role none', 'SET', 'assume role none');
  check('reset role', 'RESET', 'assume role none');
  check('set session authorization bob', 'SET', 'assume role bob');
  check("set session_authorization = 'bob'", 'SET', 'assume role bob');
  check('reset session authorization', 'RESET', 'assume role none');
  check('reset all', 'RESET', 'set setting all');
  check('discard all', 'DISCARD', 'set setting all');
});

describe('settings, transactions, upkeep', () => {
  check("set statement_timeout = '5s'", 'SET', 'set setting statement_timeout');
  check('SET Session_Replication_Role = replica', 'SET', 'set setting session_replication_role');
  check("set schema 'audit'", 'SET', 'set setting search_path');
  check("set names 'LATIN1'", 'SET', 'set setting client_encoding');
  check('set my.own = 1', 'SET', 'set setting my.own');
  check('show all', 'SHOW', 'read setting all');
  check('show search_path', 'SHOW', 'read setting search_path');
  check('begin', 'BEGIN', 'transact target orders');
  check('start transaction read only', 'START TRANSACTION', 'transact target orders');
  check('commit', 'COMMIT', 'transact target orders');
  check('savepoint a', 'SAVEPOINT', 'transact target orders');
  check("prepare transaction 'x'", 'PREPARE TRANSACTION', 'transact target orders');
  check("commit prepared 'x'", 'COMMIT PREPARED', 'transact target orders; OPAQUE');
  check('set transaction isolation level serializable', 'SET', 'transact target orders');
  check('set constraints all deferred', 'SET CONSTRAINTS', 'transact target orders');
  check('vacuum full orders', 'VACUUM', 'maintain orders');
  check('analyze', 'ANALYZE', 'maintain target orders');
  check('reindex table orders', 'REINDEX', 'maintain orders');
  check('cluster orders using orders_pkey', 'CLUSTER', 'maintain orders');
  check('refresh materialized view totals', 'REFRESH MATERIALIZED VIEW', 'maintain totals');
  check('checkpoint', 'CHECKPOINT', 'maintain target orders');
  check('listen x', 'LISTEN', 'notify target orders');
  check("notify x, 'y'", 'NOTIFY', 'notify target orders');
  check('unlisten *', 'UNLISTEN', 'notify target orders');
  check("load 'x'", 'LOAD', 'OPAQUE');
  check('deallocate all', 'DEALLOCATE', '');
  check('close all', 'CLOSE CURSOR', '');
  check('explain select id from orders', 'EXPLAIN', 'explain orders(id)');
  check('explain select 1', 'EXPLAIN', 'explain target orders');
  check('explain (analyze off) delete from orders', 'EXPLAIN', 'explain orders');
  check(
    'explain (analyze on) select id from orders',
    'EXPLAIN',
    'explain target orders; read orders(id)',
  );
  check('explain select purge_old_orders(1)', 'EXPLAIN', 'explain target orders; OPAQUE');
  check('select 1; drop table orders', 'SELECT;DROP TABLE', 'drop orders');
});
