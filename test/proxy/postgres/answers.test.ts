/** CVE-2026-6665 and its like, after the login: answers that no sound target would give. */
import { describe, expect, test } from 'vitest';
import { parse, query, sync } from '../../../proxy/protocols/postgres/codec_synthetic.ts';
import { step } from '../../../proxy/protocols/postgres/machine_session.ts';
import {
  complete,
  dataRow,
  errorMessage,
  header,
  int16,
  int32,
  message,
  parameter,
  ready,
  rowDescription,
} from '../../support/backend_frames.ts';
import { type PlayOptions, playSession } from '../../support/session_machine.ts';

const COLUMN = rowDescription({ name: 'a' });
const MASKED: PlayOptions = { unsure: true };
const SCANNED: PlayOptions = { detectors: ['email'] };

/** What the client is told when the target answers `select 1` with these bytes. */
function answerOf(bytes: readonly Buffer[], options: PlayOptions = {}) {
  const played = playSession(options);
  played.client(query('select 1'));
  expect(played.toTarget()).toEqual(query('select 1'));
  played.target(...bytes);
  return { said: played.toClient().toString('utf8'), ended: played.state.ended, played };
}

function expectBroken(bytes: readonly Buffer[], why: string, options: PlayOptions = {}): void {
  const { said, ended } = answerOf(bytes, options);
  expect(said).toContain('08P01');
  expect(said).toContain(why);
  expect(ended).toBe(true);
}

describe('CVE-2026-6669: lengths are judged at the header', () => {
  test.each([0, 3, 0xffffffff, -2])('a row of length %i', (length) => {
    expectBroken([COLUMN, header('D', length)], 'invalid length');
  });
  test.each([30_001, 0x7fffffff])('a ReadyForQuery of length %i', (length) => {
    expectBroken([header('Z', length)], 'invalid length');
  });
  test('an ErrorResponse of 2 GB', () => expectBroken([header('E', 0x7fffffff)], 'invalid length'));
  test('a type that does not exist', () => expectBroken([header('~', 4)], 'invalid message type'));
  test('a row above 64 MiB is refused where it would have to be masked', () => {
    const { said, ended } = answerOf([COLUMN, header('D', 64 * 1024 * 1024)], MASKED);
    expect(said).toContain('too long to be masked');
    expect(ended).toBe(true);
  });
});

describe('CVE-2026-32286: fields that do not fit their row', () => {
  const row = (...parts: Buffer[]) => message('D', ...parts);
  test.each<[string, Buffer, string]>([
    ['of length -2', row(int16(1), int32(-2)), 'a field of length -2'],
    ['longer than the row', row(int16(1), int32(9), Buffer.from('x')), 'a field of length 9'],
    ['shorter than the row', row(int16(1), int32(1), Buffer.from('xyz')), 'longer than its fields'],
    ['missing', row(int16(1)), 'ends early'],
    ['more than were described', dataRow('a', 'b'), 'another number of columns'],
    ['without a count', row(Buffer.from('x')), 'without a column count'],
  ])('%s', (_name, bytes, why) => {
    expectBroken([COLUMN, bytes], why, MASKED);
    expectBroken([COLUMN, bytes], why, SCANNED);
  });
});

describe('messages out of turn', () => {
  test.each<[string, Buffer[], string]>([
    ['a row that nothing described', [dataRow('secret')], 'not described'],
    ['rows after the end', [complete('SELECT 0'), dataRow('secret')], 'not described'],
    ['COPY that nobody asked for', [message('H', Buffer.from([0]), int16(0))], 'COPY'],
    ['COPY data', [message('d', Buffer.from('x'))], 'invalid message type'],
    ['an answer to a Parse', [message('1')], 'out of turn'],
    ['a second authentication', [message('R', int32(3))], 'out of turn'],
    ['a second ReadyForQuery', [complete('X'), ready('I'), ready('I')], 'out of turn'],
    ['a ReadyForQuery without a status', [complete('X'), message('Z')], 'without a status'],
    ['a transaction status that does not exist', [complete('X'), ready('X')], 'without a status'],
    ['a description cut short', [message('T', int16(2))], 'malformed RowDescription'],
  ])('%s', (_name, bytes, why) => expectBroken(bytes, why, MASKED));
  test('nothing behind the breach is passed on', () => {
    const { said } = answerOf([message('1'), COLUMN, dataRow('secret')]);
    expect(said).not.toContain('secret');
  });
});

test('CVE-2026-6666: an ErrorResponse without a SQLSTATE is given one', () => {
  const { said, played } = answerOf([errorMessage({ S: 'ERROR', M: 'broken' }), ready('I')]);
  expect(said).toContain('CXX000');
  expect(said).toContain('broken');
  expect(played.effects.at(-1)).toMatchObject({ kind: 'settle', outcome: { sqlState: 'XX000' } });
});

test('an ErrorResponse cut short is a breach', () => {
  expectBroken([message('E', Buffer.from('Cno end'))], 'malformed ErrorResponse');
});

test.each([
  ['client_encoding', 'LATIN1'],
  ['standard_conforming_strings', 'off'],
])('a session in which %s becomes %s is over', (name, value) => {
  const { said, ended } = answerOf([parameter(name, value), complete('SET'), ready('I')]);
  expect(said).toContain('0A000');
  expect(ended).toBe(true);
});

test('every split of an answer is the same answer', () => {
  const answer = [
    COLUMN,
    dataRow('x'),
    dataRow(null),
    dataRow('x@example.com'),
    complete('SELECT 3'),
    ready('I'),
  ];
  const whole = Buffer.concat(answer);
  for (const options of [{}, MASKED, SCANNED]) {
    const expected = answerOf(answer, options).said;
    for (let at = 0; at <= whole.length; at += 1) {
      const { said, ended } = answerOf([whole.subarray(0, at)], options);
      expect(ended).toBe(false);
      const played = playSession(options);
      played.client(query('select 1'));
      played.target(whole.subarray(0, at));
      played.target(whole.subarray(at));
      expect(played.toClient().toString('utf8')).toBe(expected);
      expect(expected.startsWith(said)).toBe(true);
    }
  }
});

test('H#1496: a row that nothing has to be done to streams through, whatever its length', () => {
  const big = dataRow('x'.repeat(1_000_000));
  const played = playSession();
  played.client(query('select 1'));
  played.target(COLUMN, big.subarray(0, 100));
  const first = played.toClient().length;
  expect(first).toBe(COLUMN.length + 100);
  expect(played.state.partialBytes).toBe(0);
  played.target(big.subarray(100, 500_000));
  played.target(big.subarray(500_000), complete('SELECT 1'), ready('I'));
  expect(first + played.toClient().length).toBe(
    Buffer.concat([COLUMN, big, complete('SELECT 1'), ready('I')]).length,
  );
  expect(played.effects.at(-1)).toMatchObject({
    kind: 'settle',
    outcome: { status: 'succeeded', rows: 1, bytes: big.length },
  });
});

test('nothing is said into the middle of a row that streams', () => {
  const big = dataRow('x'.repeat(1000));
  const played = playSession();
  played.client(query('select 1'));
  played.target(COLUMN, big.subarray(0, 100));
  played.toClient();
  step(played.state, { kind: 'notice', text: 'wait' });
  expect(played.toClient()).toHaveLength(0);
  step(played.state, { kind: 'close', code: '57P01', reason: 'revoked' });
  expect(played.toClient()).toHaveLength(0);
  expect(played.state.ended).toBe(true);
});

test('the next statement waits until the target has answered everything before it', () => {
  const played = playSession();
  played.client(query('select 1'), query('select 2'));
  expect(played.toTarget()).toEqual(query('select 1'));
  played.target(complete('SELECT 0'));
  expect(played.toTarget()).toHaveLength(0);
  played.target(ready('I'));
  expect(played.toTarget()).toEqual(query('select 2'));
});

test('a batch waits too, statement by statement, and its Sync goes last', () => {
  const played = playSession();
  const statements = ['one', 'two', 'three'].map((name) => parse(name, `select '${name}'`, []));
  played.client(...statements, sync());
  for (const own of statements) {
    // With a Flush, for without one the target would keep its answer to itself.
    const sent = played.toTarget();
    expect(sent.subarray(0, own.length)).toEqual(own);
    expect(sent.toString('latin1', own.length, own.length + 1)).toBe(
      own === statements[2] ? 'S' : 'H',
    );
    played.target(message('1'));
  }
});
