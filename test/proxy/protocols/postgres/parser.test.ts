import { setImmediate as nextTick } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeParser, SQL_TEXT_MAX } from '../../../../proxy/protocols/postgres/parser.ts';

const parser = await makeParser();

const DEEP = [
  `select ${'1+'.repeat(20_000)}1`,
  `${'select * from ('.repeat(2_000)}select 1${') x'.repeat(2_000)}`,
  `select ${'not '.repeat(5_000)}true`,
  `select ${'('.repeat(50_000)}1${')'.repeat(50_000)}`,
];

describe('the parser', () => {
  test('gives each statement as the node of its kind', () => {
    expect(parser.parse('select 1; truncate t')).toMatchObject({
      kind: 'tree',
      statements: [{ SelectStmt: {} }, { TruncateStmt: {} }],
    });
  });

  test.each(['', '  ', ';;', '-- only a comment', '/* a /* b */ */'])(
    '%j is no statement',
    (text) => {
      expect(parser.parse(text)).toEqual({ kind: 'tree', statements: [] });
    },
  );

  test('says where a syntax error is, in characters', () => {
    expect(parser.parse("select 'é' from from")).toEqual({
      kind: 'syntax-error',
      message: 'syntax error at or near "from"',
      position: 17,
    });
  });

  test('refuses what is too long, and NUL, which the server would stop at', () => {
    expect(parser.parse(`select '${'x'.repeat(SQL_TEXT_MAX)}'`).kind).toBe('unreadable');
    expect(parser.parse('select 1\0; drop table orders').kind).toBe('unreadable');
  });

  test.each(DEEP)('a statement that is too deep is unreadable: %#', async (text) => {
    expect(parser.parse(text).kind).not.toBe('tree');
    await nextTick();
  });

  test('forty deep statements do not poison it', async () => {
    for (let round = 0; round < 40; round += 1) {
      expect(parser.parse(DEEP[0] ?? '').kind).toBe('unreadable');
      await nextTick();
    }
    expect(parser.parse('select 1').kind).toBe('tree');
    expect(parser.scan('select 1')).toHaveLength(2);
  });

  test('three deep statements in one tick: it is there again in the next', async () => {
    for (const text of [DEEP[0], DEEP[0], DEEP[0]]) parser.parse(text ?? '');
    await nextTick();
    await nextTick();
    expect(parser.parse('select 1').kind).toBe('tree');
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(['tree', 'syntax-error', 'unreadable']).toContain(parser.parse(text).kind);
        parser.scan(text);
      }),
    );
  });
});
