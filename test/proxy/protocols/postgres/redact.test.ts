import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Demo, startDemo } from './demo.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo();
}, 60_000);
afterAll(() => demo.stop());

function parsed(sql: string) {
  const classified = demo.classify(sql);
  if (classified.kind !== 'parsed') throw new Error(classified.message);
  return classified;
}

/** The text with every hidden stretch as `█`. */
function shown(sql: string): string {
  let text = '';
  let at = 0;
  for (const { start, end } of parsed(sql).redact) {
    text += `${sql.slice(at, start)}█`;
    at = end;
  }
  return text + sql.slice(at);
}

describe('literals that may belong to masked columns are hidden, others are not', () => {
  test.each([
    // Nothing masked is touched.
    ["select 'x', 1 from orders where status = 'paid' -- note", null],
    ['delete from orders where id = 5', null],
    ['select full_name from customers where full_name = $$x$$', null],
    // Compared with, assigned to, beside.
    ["select id from customers where email = 'a@b.c'", 'select id from customers where email = █'],
    ["select id from customers where 'a@b.c' = email", 'select id from customers where █ = email'],
    [
      "select id from customers where email like 'a%' and id = 5",
      'select id from customers where email like █ and id = 5',
    ],
    [
      "select id from customers where ssn in ('1', '2') or id in (3, 4)",
      'select id from customers where ssn in (█, █) or id in (3, 4)',
    ],
    [
      "select id from customers where id = -5 and phone = '1'",
      'select id from customers where id = -5 and phone = █',
    ],
    [
      "select id from customers where date_of_birth > date '2000-01-02' limit 10",
      'select id from customers where date_of_birth > date █ limit 10',
    ],
    [
      'select substr(ssn, 1, 3), left(full_name, 2) from customers',
      'select substr(ssn, █, █), left(full_name, 2) from customers',
    ],
    ["select email, 'loose' from customers", 'select email, █ from customers'],
    [
      'select email::varchar(20) from customers order by 1',
      'select email::varchar(20) from customers order by 1',
    ],
    [
      "update customers set email = 'x@y.z', full_name = 'Ann' where id = 3",
      "update customers set email = █, full_name = 'Ann' where id = 3",
    ],
    [
      "update customers set full_name = 'Ann' where ssn = '1'",
      "update customers set full_name = 'Ann' where ssn = █",
    ],
    [
      "update customers set (full_name, email) = ('Ann', 'x@y.z')",
      "update customers set (full_name, email) = ('Ann', █)",
    ],
    [
      "insert into customers (full_name, ssn) values ('Ann', '1'), ('Bob', '2')",
      "insert into customers (full_name, ssn) values ('Ann', █), ('Bob', █)",
    ],
    [
      "insert into payments (customer_id, card_number) values (7, '4')",
      'insert into payments (customer_id, card_number) values (7, █)',
    ],
    ["insert into customers (ssn) select '1'", 'insert into customers (ssn) select █'],
    [
      "insert into customers (full_name) values ('Ann' || (select ssn from customers where id = 1))",
      'insert into customers (full_name) values (█ || (select ssn from customers where id = 1))',
    ],
    [
      "select id from customers c join payments p on p.card_number = '4' and c.id = 1",
      'select id from customers c join payments p on p.card_number = █ and c.id = 1',
    ],
    [
      "update customer_contacts set email = 'x' where full_name = 'Ann'",
      "update customer_contacts set email = █ where full_name = 'Ann'",
    ],
    // However the literal is spelled, and comments with them.
    [
      "select 1 from customers where email = E'a\\'b' /* a@b.c */",
      'select █ from customers where email = █ █',
    ],
    [
      'select id from customers where email = $q$a$q$ -- a@b.c',
      'select id from customers where email = █ █',
    ],
    [
      "select id from customers where email = U&'\\0061' and ssn = 'a'\n'b'",
      'select id from customers where email = █ and ssn = █',
    ],
    [
      "select id from customers where email = N'é😀' and id = 4 and ssn = '€'",
      'select id from customers where email = N█ and id = 4 and ssn = █',
    ],
    [
      'select id as "é😀" from customers where email = \'x\'',
      'select id as "é😀" from customers where email = █',
    ],
    [
      "select id from customers where ssn = X'1f'::text or ssn = B'1'::text",
      'select id from customers where ssn = █::text or ssn = █::text',
    ],
    // What cannot be followed.
    [
      "select id, mystery('555', 30) from customers where email = ''",
      'select id, mystery(█, 30) from customers where email = █',
    ],
    ['select purge_old_orders(30)', null],
    ['select purge_old_orders(412345678)', 'select purge_old_orders(█)'],
    ["do $$ begin update customers set ssn = '1'; end $$", 'do █'],
    ["execute p ('a', 1)", 'execute p (█, █)'],
    ["create role r login password 'hunter2'", 'create role r login password █'],
    ["alter role r password 'hunter2'", 'alter role r password █'],
    [
      "create user mapping for r server s options (password 'x')",
      'create user mapping for r server s options (password █)',
    ],
    [
      "alter table customers alter column email set default 'a@b.c'",
      'alter table customers alter column email set default █',
    ],
    [
      "create index on customers (id) where email = 'a@b.c'",
      'create index on customers (id) where email = █',
    ],
    ["alter table orders alter column status set default 'paid'", null],
    [
      "prepare p as select id from customers where email = 'a' and id = 3",
      'prepare p as select id from customers where email = █ and id = 3',
    ],
    [
      "declare c cursor for select 1 from customers where ssn = '1'",
      'declare c cursor for select █ from customers where ssn = █',
    ],
    [
      "explain select id from customers where ssn = '1'",
      'explain select id from customers where ssn = █',
    ],
    [
      "with x as (select id from customers where ssn = '1') select id from x where id = 4",
      'with x as (select id from customers where ssn = █) select id from x where id = 4',
    ],
    // One message, one judgement.
    [
      "select 'x' from orders; select id from customers where ssn = '1'",
      'select █ from orders; select id from customers where ssn = █',
    ],
  ])('%s', (sql, expected) => expect(shown(sql)).toBe(expected ?? sql));

  test('a text too long to scan is hidden as a whole', () => {
    const sql = `select id from customers where ssn = '${'1'.repeat(70_000)}'`;
    expect(parsed(sql).redact).toEqual([{ start: 0, end: sql.length }]);
  });
});

describe('parameters', () => {
  test.each([
    ['select id from orders where id = $1', []],
    ['select id from customers where email = $1 and id = $2', [1]],
    ['select id from customers where email = $1 and id = $1', [1]],
    ['update customers set full_name = $1, ssn = $2 where id = $3', [2]],
    ['insert into customers (full_name, email) values ($1, lower($2))', [2]],
    ['select email from customers limit $1', []],
    ['select purge_old_orders($1)', 'all'],
    ['select email, $1 from customers', [1]],
  ])('%s', (sql, expected) => expect(parsed(sql).redactParameters).toEqual(expected));
});

describe('writes into masked columns', () => {
  const email = 'public.customers.email';
  test.each([
    ["update customers set email = '****'", [{ column: email, literal: '****' }]],
    ['update customers set email = $1', [{ column: email, parameter: 1 }]],
    ["update customers set full_name = '****'", []],
    ["update customers set email = lower('****'::text)", [{ column: email, literal: '****' }]],
    [
      "update customers set (full_name, email) = ('a', '****')",
      [{ column: email, literal: '****' }],
    ],
    [
      "insert into customers (full_name, email) values ('a', '****')",
      [{ column: email, literal: '****' }],
    ],
    ["insert into customers values (1, 'a', '****')", [{ column: email, literal: '****' }]],
    ["insert into customers (email) select '****'", [{ column: email, literal: '****' }]],
    ["update customer_contacts set email = '****'", [{ column: email, literal: '****' }]],
    [
      "insert into customers (email) values ('a') on conflict (email) do update set email = '****'",
      [
        { column: email, literal: 'a' },
        { column: email, literal: '****' },
      ],
    ],
    [
      "merge into customers c using orders o on c.id = o.id when matched then update set email = '****'",
      [{ column: email, literal: '****' }],
    ],
    [
      "merge into customers c using orders o on c.id = o.id when not matched then insert (email) values ('****')",
      [{ column: email, literal: '****' }],
    ],
    [
      "with u as (update customers set email = '****' returning 1) select * from u",
      [{ column: email, literal: '****' }],
    ],
  ])('%s', (sql, expected) => expect(parsed(sql).writes).toEqual(expected));
});

describe('what touches masked columns loses the values in its error texts', () => {
  test.each([
    ['select id from customers', false],
    ['select count(*) from customers', false],
    ['select email from customers', true],
    ['select email::int from customers', true],
    ['select id from customers where email = $1', true],
    ['select id from customers order by ssn', true],
    ['select mystery from customer_contacts', true],
    ['select email from customer_contacts', true],
    ['select full_name from customer_contacts', false],
    // A failed constraint prints the whole row.
    ['update customers set full_name = null', true],
    ['insert into customers (id) values (1)', true],
    ['delete from orders', false],
    ['copy customers to stdout', true],
    ['copy (select email from customers) to stdout', true],
    ['do $$ begin end $$', true],
    ['fetch 1 from c', true],
    ['create table x as select ssn from customers', true],
    ['create unique index on customers (email)', true],
    ['alter table customers add check (length(ssn) > 3)', true],
    ['alter table orders add column x int', false],
    ['drop table customers', false],
    ['select 1', false],
    ['begin', false],
  ])('%s: %s', (sql, expected) => expect(parsed(sql).touchesMasked).toBe(expected));
});

describe('masked columns that decide', () => {
  test.each([
    ["select id from customers where email like 'a%'", ['email']],
    ['select id from customers order by ssn', ['ssn']],
    ['select email as e from customers order by e', ['email']],
    ['select email from customers order by 1', ['email']],
    ['select count(*) from customers group by phone', ['phone']],
    ['select upper(full_name) as email, count(*) from customers group by email', ['email']],
    ['select full_name from customers group by full_name having max(ssn) = $1', ['ssn']],
    ['select distinct email from customers', ['email']],
    ['select distinct on (ssn) id from customers', ['ssn']],
    ['select email from customers union select full_name from customers', ['email']],
    ['select email from customers union all select full_name from customers', []],
    [
      'select c.id from customers c join payments p on p.card_number = c.ssn',
      ['ssn', 'card_number'],
    ],
    ['select id from customers natural join (select phone from customers) x', ['phone']],
    ['select row_number() over (order by email) from customers', ['email']],
    ['select 1 from orders where exists (select from customers where ssn = $1)', ['ssn']],
    ['select id from customers limit (select length(ssn) from customers limit 1)', ['ssn']],
    ['select id from (select id from customers where email = $1) x', ['email']],
    ['delete from customers where ssn = $1', ['ssn']],
    // Copies of masked values into places that are not masked.
    ['update customers set full_name = email', ['email']],
    ['insert into products (sku) select ssn from customers', ['ssn']],
    ['create table x as select ssn from customers', ['ssn']],
    ['select ssn into x from customers', ['ssn']],
    ['select email, id from customers where id = 1', []],
  ])('%s', (sql, columns) => {
    const names = parsed(sql).facts.predicates.map((name) => name.split('.').at(-1));
    expect(names).toEqual(columns);
  });
});
