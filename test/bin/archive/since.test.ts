import { expect, test } from 'vitest';
import { parseSince } from '../../../bin/archive/since.ts';
import { UsageError } from '../../../bin/commands/command.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');

test.each([
  ['90m', '2026-11-23T10:30:00.000Z'],
  ['12h', '2026-11-23T00:00:00.000Z'],
  ['7d', '2026-11-16T12:00:00.000Z'],
  ['2026-11-16', '2026-11-16T00:00:00.000Z'],
  ['2026-11-16T08:00Z', '2026-11-16T08:00:00.000Z'],
  ['2026-11-16T08:00:05Z', '2026-11-16T08:00:05.000Z'],
  ['99999d', '1970-01-01T00:00:00.000Z'],
])('--since %s begins at %s', (text, expected) => {
  expect(new Date(parseSince(text, NOW)).toISOString()).toBe(expected);
});

test.each([
  '',
  '7',
  '7w',
  '-7d',
  '999999d',
  'yesterday',
  '2026-02-30',
  '2026-11-16T08:00',
  '1969-12-31',
])('--since "%s" is bad usage', (text) => {
  expect(() => parseSince(text, NOW)).toThrow(UsageError);
});
