/** What must hold of every text: it is answered, quickly, and the same text in another context is judged anew. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Demo, line, startDemo } from './demo.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo([
    'create schema other',
    'create table other.orders (id int, secret text)',
  ]);
}, 60_000);
afterAll(() => demo.stop());

const WORDS = [
  'select',
  'from',
  'where',
  'customers',
  'orders',
  'email',
  'id',
  '*',
  ',',
  '(',
  ')',
  '=',
  "'x'",
  '1',
  '$1',
  'with',
  'as',
  't',
  'recursive',
  'union',
  'all',
  'join',
  'on',
  'using',
  'lateral',
  'update',
  'set',
  'delete',
  'insert',
  'into',
  'values',
  'returning',
  'group',
  'by',
  'order',
  'having',
  'case',
  'when',
  'then',
  'end',
  'and',
  'or',
  'not',
  'in',
  'exists',
  'explain',
  'analyze',
  ';',
  '::',
  'text',
  '.',
  'row',
  'array',
  '[',
  ']',
  'lower',
  'over',
  'partition',
  'limit',
  'merge',
  'matched',
  'do',
  'nothing',
  'copy',
  'to',
  'stdout',
  'cast',
  'null',
  'is',
]; // prettier-ignore

describe('never throws', () => {
  test('on random text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (sql) => {
        expect(demo.classify(sql)).toHaveProperty('kind');
      }),
      { numRuns: 300 },
    );
  });

  test('on random words of SQL, and what it hides lies within the text', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 25 }), (words) => {
        const sql = words.join(' ');
        const classified = demo.classify(sql);
        if (classified.kind !== 'parsed') return;
        let at = 0;
        for (const { start, end } of classified.redact) {
          expect(start).toBeGreaterThanOrEqual(at);
          expect(end).toBeGreaterThan(start);
          at = end;
        }
        expect(at).toBeLessThanOrEqual(sql.length);
      }),
      { numRuns: 2_000 },
    );
  });

  test('on statements with words cut out or doubled', () => {
    const whole =
      "with recursive t (a) as (select email from customers where id in (1, 2) union all select a from t) select t.a , ( c ) . * , count ( * ) filter ( where ssn = 'x' ) over w from t join customers c using ( id ) where exists ( select from orders o where o . id = c . id ) group by 1 window w as ( order by phone ) order by a limit 3".split(
        ' ',
      );
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(6), fc.nat(whole.length), (from, count, to) => {
        const words = [...whole];
        words.splice(to, 0, ...words.splice(from, count), 'email');
        expect(demo.classify(words.join(' '))).toHaveProperty('kind');
      }),
      { numRuns: 500 },
    );
  });

  test('on a tree as deep as the parser lets through', () => {
    const nested = (depth: number) =>
      `select ${'lower('.repeat(depth)}email${')'.repeat(depth)} from customers`;
    expect(demo.classify(nested(200)).kind).toBe('parsed');
    expect(['parsed', 'unreadable']).toContain(demo.classify(nested(390)).kind);
    expect(demo.classify(nested(2_000)).kind).toBe('unreadable');
  });
});

describe('is quick, or gives up', () => {
  test('nested recursive queries, each of which is walked again and again', () => {
    let sql = "select 1 as a, 'x' as b";
    for (let depth = 0; depth < 25; depth += 1) {
      sql = `with recursive t${depth} (a, b) as (${sql} union all select b::int, a::text from t${depth}) select * from t${depth}`;
    }
    const start = performance.now();
    demo.classify(sql);
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test('a long list', () => {
    const sql = `select id from customers where email in (${Array.from({ length: 5_000 }, (_, n) => `'u${n}'`).join(',')})`;
    const start = performance.now();
    expect(demo.classify(sql).kind).toBe('parsed');
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('is remembered, but only for what it depends on', () => {
  test('the same text and context is the same answer', () => {
    expect(demo.classify('select id from orders')).toBe(demo.classify('select id from orders'));
  });

  test('what could not be read is not remembered', async () => {
    const deep = `select ${'1+'.repeat(20_000)}1`;
    for (const text of [`${deep}+1`, `${deep}+2`])
      expect(demo.classify(text).kind).toBe('unreadable');
    // Both instances of the parser are gone until the next tick.
    expect(demo.classify('select 41').kind).toBe('unreadable');
    await expect.poll(() => demo.classify('select 41').kind).toBe('parsed');
  });

  test('another search_path or role is another answer', () => {
    const sql = 'select * from orders';
    expect(line(demo.classify(sql))).toBe('read orders');
    expect(line(demo.classify(sql, { searchPath: ['other', 'public'] }))).toBe('read other.orders');
    expect(line(demo.classify(sql, { role: 'other' }))).toBe('read other.orders');
    expect(line(demo.classify(sql, { searchPath: [] }))).toBe('UNKNOWN orders');
  });

  test.each([{ standard_conforming_strings: 'off' }, { client_encoding: 'SJIS' }])(
    'under %j the parser and the server would differ, so nothing is read',
    (settings) => expect(demo.classify('select 1', { settings }).kind).toBe('unreadable'),
  );
});

describe('what changes the context is said, in order', () => {
  test.each([
    ['begin', [{ kind: 'transaction', verb: 'begin' }]],
    ['rollback to x', [{ kind: 'transaction', verb: 'savepoint' }]],
    [
      'set local statement_timeout = 5',
      [{ kind: 'set', name: 'statement_timeout', value: '5', local: true }],
    ],
    [
      'set search_path = a, "B c"',
      [{ kind: 'set', name: 'search_path', value: 'a, "B c"', local: false }],
    ],
    ["set time zone 'UTC'", [{ kind: 'set', name: 'timezone', value: 'UTC', local: false }]],
    ["set names 'UTF8'", [{ kind: 'set', name: 'client_encoding', value: 'UTF8', local: false }]],
    ['set role bob', [{ kind: 'set', name: 'role', value: 'bob', local: false }]],
    ['reset role', [{ kind: 'reset', name: 'role' }]],
    ['reset all', [{ kind: 'reset', name: 'all' }]],
    ['discard all', [{ kind: 'reset', name: 'all' }]],
    ['drop table orders', [{ kind: 'catalog' }]],
    ['select id into x from orders', [{ kind: 'catalog' }]],
    ['select 1', []],
  ])('%s', (sql, changes) => {
    expect(demo.classify(sql)).toMatchObject({ statements: [{ changes }] });
  });

  test.each([
    ['begin; select 1; commit', null],
    ['select 1; select 2', null],
    ['set search_path = x; select 1', 'It follows a statement that changes what it means'],
    ['set role bob; select 1', 'It follows a statement that changes what it means'],
    ['drop table orders; select 1', 'It follows a statement that changes what it means'],
    ['select 1; set role bob', null],
  ])('%s', (sql, opaque) => {
    expect(demo.classify(sql)).toMatchObject({ facts: { opaque } });
  });
});

test('statements that differ in a literal share their facts, and only their facts', () => {
  const [one, two, other] = [1, 2, 3].map((id) =>
    demo.classify(`select ${id === 3 ? 'email' : 'id'} from customers where id = ${id}`),
  );
  if (one?.kind !== 'parsed' || two?.kind !== 'parsed' || other?.kind !== 'parsed') {
    throw new Error('Not parsed');
  }
  expect(two.facts).toBe(one.facts);
  expect(two).not.toBe(one);
  expect(other.facts).not.toEqual(one.facts);
});
