import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isBounded } from '../../../../core/facts.ts';
import { type Demo, startDemo } from './demo.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo([
    'create table flags (id int not null, active boolean, deleted_at timestamptz, parent int, label text)',
  ]);
}, 60_000);
afterAll(() => demo.stop());

function bounded(sql: string): boolean {
  const classified = demo.classify(sql);
  if (classified.kind !== 'parsed') throw new Error(classified.message);
  expect(classified.facts.unknown).toEqual([]);
  return isBounded(classified.facts);
}

describe.each([
  ['where', (where: string) => `delete from flags where ${where}`],
  ['update', (where: string) => `update flags set label = 'x' where ${where}`],
  ['alias', (where: string) => `delete from flags as t where ${where.replaceAll('flags.', 't.')}`],
])('in %s', (_, sql) => {
  test.each([
    'id = 3',
    'id = $1',
    '$1 = id',
    'flags.id = 3',
    'id in (1, 2, 3)',
    'id = any ($1)',
    'id between 1 and 10',
    'id > 5 and id < 9',
    'id = 3 or id = 4',
    'not (id = 3)',
    'not (id = 3 and parent = 4)',
    'id = 3 and true',
    'id = 3 and id = id',
    'id = 3 or false',
    'id = parent',
    'active',
    'not active',
    'active is true',
    'deleted_at is null',
    'deleted_at is not null',
    "deleted_at < now() - interval '1 year'",
    "label like 'a%'",
    "label ~ '^a'",
    "lower(label) = 'a'",
    'id + 1 = 5',
    '(id, parent) = (1, 2)',
    "coalesce(label, '') = 'x'",
    'id in (select customer_id from orders)',
    'id = (select max(customer_id) from orders)',
    'exists (select from orders o where o.customer_id = flags.id)',
    'id in (select id from flags where label is null limit 10)',
    'id in (select id from flags where parent = 1)',
    'id is not distinct from 3',
    "starts_with(label, 'a')",
  ])('%s narrows', (where) => expect(bounded(sql(where))).toBe(true));

  test.each([
    'true',
    '1 = 1',
    '2 > 1',
    "'a' = 'a'",
    '1 = 1 and true',
    'not false',
    'id = id',
    'flags.id = id',
    'id = (id)',
    'id::text = id::text',
    'id = id and true',
    'id = id or id = 3',
    'id = 3 or true',
    'id = 3 or 1 = 1',
    'id is not null',
    'not (id is null)',
    'id is not null or true',
    'id is not distinct from id',
    'id is distinct from null',
    'id in (id)',
    'id in (1, id)',
    'id between id and id',
    'id between id and 5 or id not between id and 5',
    'id >= id',
    'id <= id + 0',
    'id - id = 0',
    'id * 0 = 0',
    '0 * id = 0',
    'coalesce(id, id) = id',
    'coalesce(id = 3, true)',
    'coalesce(null, true)',
    "label like '%'",
    "label ilike '%%'",
    'random() < 2',
    'now() is not null',
    'exists (select 1)',
    'exists (select from orders)',
    'exists (select from flags f where f.id = 3)',
    'exists (select from flags f where f.id = flags.id)',
    'id in (select id from flags)',
    'id = any (select f.id from flags f)',
    'id = any (array[id])',
    'case when true then true else id = 3 end',
    '(id = 3) is not unknown',
    'not (id <> id)',
    '(id = id) is true',
    'id = greatest(id, id)',
    'parent = 1 or parent <> 1',
    'parent > 1 or parent <= 1',
    'not (parent = 1 and parent <> 1)',
    'deleted_at is null or deleted_at is not null',
  ])('%s does not', (where) => expect(bounded(sql(where))).toBe(false));
});

describe('other shapes', () => {
  test.each([
    ['update orders o set status = c.full_name from customers c where c.id = o.customer_id', true],
    ['update orders o set status = c.full_name from customers c', false],
    ['update orders o set status = c.full_name from customers c where c.id = 3', false],
    ['delete from orders using customers where customers.id = 3', false],
    ['delete from orders using customers where customers.id = customer_id', true],
    ['merge into orders o using products p on o.id = p.id when matched then delete', true],
    ['merge into orders o using products p on true when matched then delete', false],
    [
      'merge into orders o using products p on o.id = p.id when not matched by source then delete',
      false,
    ],
    [
      "merge into orders o using products p on o.id = p.id when not matched by source and o.status = 'x' then delete",
      true,
    ],
    ["insert into products (sku) values ('a') on conflict do nothing", true],
    ['delete from orders where id = 3; delete from orders', false],
    ['with x as (update orders set total_cents = 0) select 1', false],
    ['update customer_contacts set full_name = $1 where full_name = $2', true],
    ['update customer_contacts set full_name = $1 where full_name = full_name', false],
  ])('%s: %s', (sql, expected) => expect(bounded(sql)).toBe(expected));
});
