import fc from 'fast-check';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { bodyJson } from '../../../core/recording/body_json.ts';
import { canonicalJson } from '../../../core/recording/canonical_json.ts';
import { EventBody } from '../../../core/recording/event.ts';

/** Any UTF-16 units: control characters, quotes and lone surrogates too. */
const text = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)),
});
const count = fc.nat();

const record = fc.record({
  command: fc.constant('ses_01HZZZZZZZZZZZZZZZZZZZZZZZ.7'),
  tag: text,
  verbs: fc.subarray(['read', 'update', 'call']),
  objects: fc.array(fc.record({ kind: fc.constant('relation'), name: text }), { maxLength: 3 }),
  opaque: fc.option(text),
  bounded: fc.boolean(),
  statement: text,
  parameters: fc.array(text, { maxLength: 3 }),
  statementCut: count,
  decision: fc.constantFrom('allow', 'deny', 'hold'),
  policies: fc.array(text, { maxLength: 3 }),
  policyVersion: fc.constantFrom(null, 'a'.repeat(64)),
  refusal: text,
  approval: fc.option(
    fc.record({
      id: fc.constant('apr_01HZZZZZZZZZZZZZZZZZZZZZZY'),
      approvers: fc.array(text, { maxLength: 2 }),
      requestedAt: count,
      decidedAt: fc.option(count),
    }),
  ),
});

const outcome = fc.record({
  status: fc.constantFrom('succeeded', 'failed', 'cancelled', 'unknown'),
  sqlState: text,
  rows: count,
  bytes: count,
  durationMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  masked: fc.array(fc.record({ kind: text, count }), { maxLength: 3 }),
});

const body = fc.oneof(
  fc.record({ kind: fc.constantFrom('command.intent', 'command.refused'), record }),
  fc.record({ kind: fc.constant('command.result'), record, outcome }),
  fc.record({ kind: fc.constant('session.end'), reason: text, commands: count }),
);

test('the body of every event is written as RFC 8785 says', () => {
  fc.assert(
    fc.property(body, (value) => {
      const read = v.parse(EventBody, value);
      expect(bodyJson(read)).toBe(canonicalJson(read));
      // Once more, from what was kept.
      expect(bodyJson(read)).toBe(canonicalJson(read));
    }),
  );
});
