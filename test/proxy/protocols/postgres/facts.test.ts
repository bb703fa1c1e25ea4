import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SessionContext } from '../../../../core/command.ts';
import { type Demo, line, startDemo } from './demo.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo([
    'create schema private',
    'create table private.orders (id int primary key, note text)',
    'create table events (id int not null, kind text, seen boolean) partition by range (id)',
    'create table events_1 partition of events for values from (0) to (100)',
    `create function public.lower(int) returns text language sql immutable as $$ select 'x' $$`,
    'create function dump(customers) returns text language sql stable as $$ select $1.email $$',
    'create operator public.=== (leftarg = int, rightarg = int, function = int4eq)',
    'create sequence tickets',
    'create schema trap',
    `create function trap.sneak(int, int) returns boolean language sql as $$ select true $$`,
    'create operator trap.= (leftarg = int, rightarg = int, function = trap.sneak)',
    'create operator trap.>= (leftarg = int, rightarg = int, function = trap.sneak)',
  ]);
}, 60_000);
afterAll(() => demo.stop());

function check(sql: string, expected: string, context: Partial<SessionContext> = {}): void {
  test(sql.length > 90 ? `${sql.slice(0, 89)}…` : sql, () => {
    expect(line(demo.classify(sql, context))).toBe(expected);
  });
}

describe('reads, by relation and column', () => {
  check('select 1', '');
  check('', '');
  check('-- nothing', '');
  check('select id, status from orders', 'read orders(id,status)');
  check('select * from orders', 'read orders');
  check('select count(*) from orders', 'read orders()');
  check('table orders', 'read orders');
  check('select o.id from public.orders o', 'read orders(id)');
  check('select public.orders.id from public.orders', 'read orders(id)');
  check('select id from ORDERS', 'read orders(id)');
  check('select id from "ORDERS"', 'UNKNOWN ORDERS');
  check('select id from other.public.orders', 'UNKNOWN other.public.orders');
  check('select id from orders.public.orders', 'read orders(id)');
  check('select note from private.orders', 'read private.orders(note)');
  check('select note from orders', 'read private.orders(note)', {
    searchPath: ['private', 'public'],
  });
  check('select 1 from pg_class', 'read pg_catalog.pg_class()');
  check('select (select max(id) from orders)', 'read orders(id)');
  check('select 1 where exists (select from orders where id = 3)', 'read orders(id)');
  check('with o as (select id from orders) select * from o', 'read orders(id)');
  check('with orders as (select 1 as id) select id from orders', '');
  check(
    'with recursive o as (select id from orders union select id + 1 from o) select * from o',
    'read orders(id)',
  );
  check('select * from customer_contacts', 'read customer_contacts');
  check('select id from orders for update', 'read orders(id); lock orders');
  check(
    'select x.id from orders x, products y for share of x',
    'read orders(id); read products(); lock orders',
  );
  check("select nextval('tickets')", '');
  check(
    'select * from (select id from orders) x for update',
    'read orders(id); lock target orders',
  );
  check('select id from orders tablesample system (1)', 'read orders(id)');
  check('select delete from (select id as delete from orders) "update"', 'read orders(id)');
  check('select id from nowhere', 'UNKNOWN nowhere');
  check('select 1::nothing', 'UNKNOWN nothing');
});

describe('changes, and whether they are bounded', () => {
  check("insert into products (sku, name) values ('a', 'b')", 'insert products(name,sku)');
  check('insert into products select * from products', 'insert products; read products');
  check("update orders set status = 'paid' where id = 3", 'update orders(status); read orders(id)');
  check('delete from orders', 'delete orders UNBOUNDED');
  check(
    "insert into products (sku) values ('a') on conflict (sku) do update set name = excluded.name",
    'insert products(sku); update products(name); read products(name)',
  );
  check(
    'with d as (delete from orders returning id) select * from d',
    'delete orders UNBOUNDED; read orders(id)',
  );
  check(
    'merge into orders o using products p on o.id = p.id when matched then delete',
    'read products(id); read orders(id); delete orders',
  );
  check('truncate orders, payments', 'truncate orders; truncate payments');
  check('select id into copied from orders', 'read orders(id); create schema public');
  check('create table copied as select id from orders', 'create schema public; read orders(id)');
  check('lock table orders', 'lock orders');
});

describe('evasions: each is what it does, however it is spelled', () => {
  check('/**/DELETE FROM orders', 'delete orders UNBOUNDED');
  check('/* a /* b */ c */ delete/**/from/**/orders', 'delete orders UNBOUNDED');
  check('select 1; delete from orders', 'delete orders UNBOUNDED');
  check('delete from orders -- where id = 1', 'delete orders UNBOUNDED');
  check('DROP  TABLE orders', 'drop orders');
  check('DROP/**/TABLE orders', 'drop orders');
  check('drop\ntable\n"orders"', 'drop orders');
  check('drop table U&"\\006frders"', 'drop orders');
  check("select E'\\';delete from orders;--'", '');
  check("select ';delete from orders'", '');
  check('select $x$;delete from orders$x$', '');
  check("do $$ begin execute 'DEL'||'ETE FROM orders'; end $$", 'OPAQUE');
  check('select purge_old_orders(30)', 'call function public.purge_old_orders; OPAQUE');
  check('select * from purge_old_orders(30)', 'call function public.purge_old_orders; OPAQUE');
  check('select 1 order by purge_old_orders(30)', 'call function public.purge_old_orders; OPAQUE');
  check('call purge_old_orders(30)', 'call function public.purge_old_orders; OPAQUE');
  check('values (purge_old_orders(30))', 'call function public.purge_old_orders; OPAQUE');
  check('select no_such_function()', 'call function public.no_such_function; OPAQUE');
  check("select dblink('x', 'drop table orders')", 'call function public.dblink; OPAQUE');
  check("select pg_read_file('/etc/passwd')", 'call function pg_catalog.pg_read_file; OPAQUE');
  check("select lo_export(1, '/tmp/x')", 'call function pg_catalog.lo_export; OPAQUE');
  check('select pg_sleep(10)', 'call function pg_catalog.pg_sleep; OPAQUE');
  check(
    "select query_to_xml('delete from orders', true, true, '')",
    'call function pg_catalog.query_to_xml; OPAQUE',
  );
  check(
    "select set_config('search_path', 'private', false)",
    'call function pg_catalog.set_config; set setting search_path; OPAQUE',
  );
  check('select lower(5)', 'call function public.lower; OPAQUE');
  check("select pg_catalog.lower('A')", '');
  check('select c.dump from customers c', 'read customers; call function public.dump; OPAQUE');
  check('select (c).dump from customers c', 'read customers; call function public.dump; OPAQUE');
  check('select 1 === 1', 'OPAQUE');
  const trap = { searchPath: ['trap', 'public'] };
  check('select 1 = 1', 'OPAQUE', trap);
  check('select id in (1) from orders', 'read orders(id); OPAQUE', trap);
  check('select case id when 1 then 2 end from orders', 'read orders(id); OPAQUE', trap);
  check('select id between 1 and 2 from orders', 'read orders(id); OPAQUE', trap);
  check(
    'select 1 from orders join payments using (id)',
    'read orders(id); read payments(id); OPAQUE',
    trap,
  );
  check('select id from orders order by id using operator(trap.>=)', 'read orders(id); OPAQUE');
  check('select 1 operator(trap.=) 1', 'OPAQUE');
  check('select 1 operator(pg_catalog.=) 1', '', trap);
  check('explain analyze delete from orders', 'explain target orders; delete orders UNBOUNDED');
  check('explain (analyze false) delete from orders', 'explain orders');
  check(
    'explain (analyze, verbose) delete from orders where id = 1',
    'explain target orders; delete orders; read orders(id)',
  );
  check('prepare p as delete from orders', 'delete orders UNBOUNDED');
  check('execute p', 'OPAQUE');
  check('declare c cursor for select id from orders', 'read orders(id)');
  check('fetch all from c', '');
  check('delete from orders where current of c', 'delete orders UNBOUNDED; OPAQUE');
  check("copy orders from '/tmp/x'", 'insert orders; copy-in orders; OPAQUE');
  check("copy orders to program 'sh'", 'read orders; copy-out orders; OPAQUE');
  check('copy (select id from orders) to stdout', 'copy-out target orders; read orders(id)');
  check(
    'copy (delete from orders returning id) to stdout',
    'copy-out target orders; delete orders UNBOUNDED; read orders(id)',
  );
  check(
    'create view v as select purge_old_orders(1)',
    'create schema public; call function public.purge_old_orders; OPAQUE',
  );
  check(
    'set search_path = private; select note from orders',
    'set setting search_path; read orders(); OPAQUE',
  );
});
