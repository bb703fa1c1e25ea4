/** The fleet's log: whole JSON lines, counted by event, holding nothing that must stay inside. */
import * as re2js from 're2js';
import { describe, expect, it } from 'vitest';
import type { EpochMs } from '../../core/brand.ts';
import { makeDetectors } from '../../core/masking/detect.ts';
import { LOG_FIELDS_MAX, LOG_TEXT_MAX, makeLog, reasonOf } from '../../proxy/log.ts';

const detectors = makeDetectors(re2js);
const TOKEN =
  'eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImF1ZCI6InNhbGx5cG9ydCJ9.c2lnbmF0dXJlLW9mLWEtdG9rZW4tMTIzNDU2';

function lineOf(fields: Record<string, unknown>): Record<string, unknown> {
  const lines: string[] = [];
  const clock = { now: () => 1_764_000_000_000 as EpochMs };
  const log = makeLog({ clock, detectors, write: (line) => lines.push(line) });
  log.warn('listener.full', fields);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\n]+\n$/);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

const check = (given: unknown, logged: unknown) =>
  expect(lineOf({ given })['given']).toEqual(logged);

describe('a line', () => {
  it('has its time, level and event before its fields', () => {
    expect(Object.entries(lineOf({ connections: 7, target: 'orders' }))).toEqual([
      ['ts', '2025-11-24T16:00:00.000Z'],
      ['level', 'warn'],
      ['event', 'listener.full'],
      ['connections', 7],
      ['target', 'orders'],
    ]);
  });

  it('is counted by its own event, whatever a field is called', () => {
    const line = lineOf({ event: 'control.lost', level: 'info', ts: 'yesterday' });
    expect(line).toMatchObject({ event: 'listener.full', level: 'warn' });
  });

  it.each([
    ['text', 'orders', 'orders'],
    ['a number', 1.5, 1.5],
    ['a number that JSON has not', Number.NaN, 'NaN'],
    ['a boolean', true, true],
    ['null', null, null],
    ['nothing', undefined, '<undefined>'],
    ['an object', { password: 'hunter2' }, '<object>'],
    ['an error', new Error('hunter2'), '<object>'],
    ['a list', ['hunter2'], '<object>'],
    ['bytes', Buffer.from('hunter2'), '<object>'],
    ['a function', () => 'hunter2', '<function>'],
    ['a big number', 10n, '<bigint>'],
    ['line breaks', 'a\nb\u2028c', 'a\nb\u2028c'],
    ['a token in a sentence', `user ${TOKEN} refused`, 'user **** refused'],
    ['a card number', 'card 4111 1111 1111 1111', 'card ****'],
    ['a key', 'AKIAIOSFODNN7EXAMPLE', '****'],
    ['an email, which names the principal', 'alice@example.com', 'alice@example.com'],
    ['an address and a port', '10.64.3.21:51234', '10.64.3.21:51234'],
    ['a session', 'ses_01JDE7Q6Z3N4X5Y6Z7A8B9C0D1', 'ses_01JDE7Q6Z3N4X5Y6Z7A8B9C0D1'],
  ])('shows %s', (_, given, logged) => check(given, logged));

  it('is cut where a value is too long, and says how much is missing', () => {
    check('x'.repeat(LOG_TEXT_MAX), 'x'.repeat(LOG_TEXT_MAX));
    check('x'.repeat(LOG_TEXT_MAX + 5), `${'x'.repeat(LOG_TEXT_MAX)}… (5 more)`);
  });

  it('masks a token that the cut would have halved', () => {
    const [head = ''] = TOKEN.split('.');
    const given = `${'x '.repeat(LOG_TEXT_MAX / 2 - head.length / 2)}${TOKEN}`;
    expect(lineOf({ given })['given']).not.toContain(head.slice(0, 10));
  });

  it('has a bounded number of fields', () => {
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`f${index}`, index]),
    );
    expect(Object.keys(lineOf(many))).toHaveLength(3 + LOG_FIELDS_MAX);
  });
});

describe('reasonOf', () => {
  const circle = new Error('round');
  circle.cause = circle;

  it.each([
    ['an error', new Error('a'), 'a'],
    ['its causes', new Error('a', { cause: new Error('b', { cause: new Error('c') }) }), 'a: b: c'],
    ['a cause that is none', new Error('a', { cause: 'hunter2' }), 'a: not an Error'],
    [
      'addresses that all refused',
      Object.assign(new AggregateError([new Error('x')]), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED',
    ],
    ['an error without words', new TypeError(), 'TypeError'],
    ['a circle', circle, 'round: round: round: round: round: round'],
    ['no error', { password: 'hunter2' }, 'not an Error'],
  ])('tells of %s', (_, error, reason) => {
    expect(reasonOf(error)).toBe(reason);
  });
});
