/** Identifiers: their shape, their order, and what is not one. */
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { CommandId, EpochMs, RequestId, SessionId, Sha256Hex } from '../../core/brand.ts';
import { commandId, ID_RANDOM_BYTES, makeIds } from '../../core/ids.ts';
import { at, NOW, SESSION } from '../support/approval_requests.ts';

const idsAt = (ms: number, bytes: Uint8Array) =>
  makeIds({ now: () => at(ms), random: () => bytes });
const ZEROS = new Uint8Array(ID_RANDOM_BYTES);

describe('a minted id', () => {
  test('is the ULID of its time and its randomness', () => {
    // The example of github.com/ulid/spec, 01ARZ3NDEK…: its time is 1469922850259.
    const ids = idsAt(1_469_922_850_259, new Uint8Array(ID_RANDOM_BYTES).fill(255));
    expect(ids.session()).toBe(`ses_01ARZ3NDEK${'Z'.repeat(16)}`);
    expect(ids.request()).toBe(`apr_01ARZ3NDEK${'Z'.repeat(16)}`);
  });

  test('sorts by the time it was minted at, and keeps all of its randomness', () => {
    const bytes = fc.uint8Array({ minLength: ID_RANDOM_BYTES, maxLength: ID_RANDOM_BYTES });
    const times = fc.integer({ min: 0, max: 2 ** 47 });
    fc.assert(
      fc.property(times, times, bytes, bytes, (early, late, a, b) => {
        const [one, two] = [idsAt(early, a).session(), idsAt(late, b).session()];
        if (early !== late) expect(one < two).toBe(early < late);
        else expect(one === two).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });

  test('asks for as many bytes as it takes', () => {
    const asked: number[] = [];
    const random = (count: number) => {
      asked.push(count);
      return ZEROS;
    };
    makeIds({ now: () => NOW, random }).session();
    expect(asked).toEqual([10]);
  });
});

const ULID = '01HZZZZZZZZZZZZZZZZZZZZZZZ';

describe('what is no id', () => {
  test.each([
    [SessionId, `apr_${ULID}`],
    [SessionId, `ses_${ULID}Z`],
    [SessionId, `ses_${ULID.slice(1)}`],
    [SessionId, `ses_${ULID.toLowerCase()}`],
    [SessionId, `ses_${ULID}\n`],
    [SessionId, ` ses_${ULID}`],
    [SessionId, `ses_${ULID.replace('H', 'I')}`],
    [RequestId, `ses_${ULID}`],
    [RequestId, `apr_../../${ULID.slice(6)}`],
    [CommandId, `ses_${ULID}`],
    [CommandId, `ses_${ULID}.0`],
    [CommandId, `ses_${ULID}.01`],
    [CommandId, `ses_${ULID}.-1`],
    [CommandId, `ses_${ULID}.1.1`],
    [Sha256Hex, 'A'.repeat(64)],
    [Sha256Hex, 'a'.repeat(63)],
    [EpochMs, -1],
    [EpochMs, 1.5],
    [EpochMs, '1'],
    [EpochMs, Number.NaN],
  ] as const)('case %#: %s', (schema, value) => {
    expect(v.is(schema, value)).toBe(false);
  });

  test.each([0, -1, 1.5, Number.NaN, 10 ** 15])('an ordinal of %s', (ordinal) => {
    expect(() => commandId(SESSION, ordinal)).toThrow();
  });

  test('an ordinal from 1 is one', () => {
    expect(commandId(SESSION, 1)).toBe(`${SESSION}.1`);
  });
});
