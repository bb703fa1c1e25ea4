/**
 * The list, from SQL to decision: real parser, real catalog, real policies.
 * One line a statement; the columns are alice (engineering), bob (engineering, dba), dave (dba),
 * ci-deploy (a machine).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evaluate, type Policies } from '../../core/policy/evaluate.ts';
import { loadPolicies } from '../../functions/decide/policies.ts';
import { person } from '../core/policy/demo.ts';
import { CONTEXT, type Demo, startDemo, TARGET } from '../proxy/protocols/postgres/demo.ts';

let demo: Demo;
let policies: Policies;

beforeAll(async () => {
  [demo, policies] = await Promise.all([startDemo(), loadPolicies('policies')]);
}, 60_000);
afterAll(async () => demo.stop());

function decide(name: string, sql: string): string {
  const classified = demo.classify(sql);
  if (classified.kind !== 'parsed') return classified.kind;
  const { decision } = evaluate(policies, {
    question: 'command',
    principal: person(name),
    target: TARGET,
    context: CONTEXT,
    facts: JSON.parse(JSON.stringify(classified.facts)),
  });
  return decision.kind;
}

const TABLE = `
allow allow deny  allow | select * from customers
allow allow deny  allow | select id, email from customers where email = 'a@example.com'
allow allow deny  allow | select count(*), sum(total_cents) from orders join order_items on order_id = orders.id
allow allow deny  allow | with o as (select * from orders) select * from o order by placed_at limit 3
allow allow deny  allow | select * from customer_contacts
deny  deny  deny  deny  | select id from payments where card_number like '4%'
allow allow allow allow | select 1
allow allow allow allow | begin
allow allow allow allow | commit
allow allow allow allow | rollback
allow allow allow allow | savepoint a
allow allow allow allow | begin isolation level serializable read only
allow allow allow deny  | explain select * from orders
allow allow allow deny  | explain delete from orders where id = 1
deny  deny  deny  deny  | explain analyze select * from orders
deny  deny  deny  deny  | explain (analyze, verbose) delete from orders
allow allow allow allow | set application_name = 'x'
allow allow allow allow | set statement_timeout = '5s'
allow allow allow allow | set search_path = public
allow allow allow allow | show server_version
allow allow allow allow | set timezone = 'UTC'
deny  deny  deny  deny  | set client_encoding = 'LATIN1'
deny  deny  deny  deny  | set standard_conforming_strings = off
deny  deny  deny  deny  | set session_replication_role = replica
deny  deny  deny  deny  | set role postgres
deny  deny  deny  deny  | set session authorization postgres
deny  deny  deny  deny  | reset role
hold  hold  deny  deny  | insert into products (name, price_cents) values ('x', 1)
hold  hold  deny  deny  | update orders set status = 'paid' where id = 1
hold  hold  deny  deny  | delete from orders where id = 1
hold  hold  deny  deny  | with d as (delete from orders where id = 1 returning *) select * from d
deny  deny  deny  deny  | update orders set status = 'paid'
deny  deny  deny  deny  | update orders set status = 'paid' where true
deny  deny  deny  deny  | delete from orders where 1 = 1
deny  deny  deny  deny  | delete from orders -- where id = 1
deny  deny  deny  deny  | /**/delete from orders
deny  deny  deny  deny  | select 1; delete from orders
deny  deny  deny  deny  | with d as (delete from orders returning *) select * from d
deny  deny  deny  deny  | truncate orders
deny  hold  hold  deny  | drop table orders
deny  hold  hold  deny  | DROP/**/TABLE orders
deny  hold  hold  deny  | alter table orders add column x int
deny  hold  hold  deny  | create table x (a int)
deny  hold  hold  deny  | create index on orders (status)
deny  hold  deny  deny  | create table copy as select * from customers
deny  hold  hold  deny  | create function f() returns int language sql as 'select 1'
deny  hold  hold  deny  | drop function purge_old_orders
deny  deny  deny  deny  | grant select on orders to public
deny  deny  deny  deny  | revoke all on orders from public
deny  deny  deny  deny  | create role x
deny  deny  deny  deny  | alter role postgres superuser
deny  deny  deny  deny  | drop role postgres
hold  hold  hold  deny  | do $$ begin delete from orders; end $$
hold  hold  hold  deny  | select purge_old_orders(30)
hold  hold  hold  deny  | select pg_read_file('/etc/passwd')
hold  hold  hold  deny  | call something_unknown()
allow allow allow allow | select relname from pg_class
allow allow allow allow | select table_name from information_schema.tables
deny  deny  deny  deny  | select * from pg_stats
deny  deny  deny  deny  | select query from pg_stat_activity
deny  deny  deny  deny  | select rolpassword from pg_authid
deny  deny  deny  deny  | update pg_class set relname = 'x' where oid = 1
deny  deny  deny  deny  | copy customers to stdout
deny  deny  deny  deny  | copy products from stdin
deny  deny  deny  deny  | select * from no_such_table
deny  deny  deny  deny  | lock table orders
deny  deny  deny  deny  | vacuum orders
deny  deny  deny  deny  | listen something
`;

const ROWS = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [expected = '', sql = ''] = line.split(' | ');
    return { sql, expected: expected.trim().split(/ +/) };
  });

describe('alice, bob, dave, ci-deploy', () => {
  test.each(ROWS)('$sql', ({ sql, expected }) => {
    const people = ['alice', 'bob', 'dave', 'ci-deploy'];
    expect(people.map((name) => decide(name, sql))).toEqual(expected);
  });
});

test('frank may search the cards that he may see', () => {
  expect(decide('frank', "select id from payments where card_number like '4%'")).toBe('allow');
});

test.each(['carol', 'mallory'])('%s gets nothing', (name) => {
  for (const { sql } of ROWS) expect(decide(name, sql)).toBe('deny');
});
