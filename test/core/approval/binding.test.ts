import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BindingInput, bindingDigest } from '../../../core/approval/binding.ts';
import { type Canonical, canonicalBytes } from '../../../core/approval/canonical.ts';
import { OPEN, SESSION, sha256 } from '../../support/approval_requests.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

const INPUT: BindingInput = {
  frame: bytes('Q....delete from orders where id = $1'),
  text: 'delete from orders where id = $1',
  parameters: [{ type: 23, format: 'text', value: bytes('7') }],
  resultFormats: [0],
  context: {
    database: 'orders',
    role: 'app',
    searchPath: ['public'],
    transaction: 'idle',
    settings: { datestyle: 'ISO' },
  },
  facts: OPEN.facts,
  principal: OPEN.principal,
  target: 'orders',
  session: SESSION,
};

const parameter = INPUT.parameters[0] as BindingInput['parameters'][number];
const access = INPUT.facts.accesses[0] as BindingInput['facts']['accesses'][number];
const context = (change: Partial<BindingInput['context']>) => ({
  context: { ...INPUT.context, ...change },
});
const facts = (change: Partial<BindingInput['facts']>) => ({
  facts: { ...INPUT.facts, ...change },
});
const firstAccess = (change: Partial<typeof access>) =>
  facts({ accesses: [{ ...access, ...change }] });
const principal = (change: Partial<BindingInput['principal']>) => ({
  principal: { ...INPUT.principal, ...change },
});
const firstParameter = (change: Partial<typeof parameter>) => ({
  parameters: [{ ...parameter, ...change }],
});

const CHANGES: readonly [string, Partial<BindingInput>][] = [
  ['one byte of the frame', { frame: bytes('Q....delete from orders where id = $2') }],
  ['the text', { text: 'delete from orders where id > $1' }],
  ['a parameter’s value', firstParameter({ value: bytes('8') })],
  ['a parameter turned NULL', firstParameter({ value: null })],
  ['a parameter turned empty', firstParameter({ value: new Uint8Array() })],
  ['a parameter’s type', firstParameter({ type: 20 })],
  ['a parameter’s format', firstParameter({ format: 'binary' })],
  ['a parameter less', { parameters: [] }],
  ['a result format', { resultFormats: [1] }],
  ['no result format', { resultFormats: [] }],
  ['the database', context({ database: 'orders2' })],
  ['the role', context({ role: 'owner' })],
  ['the search path', context({ searchPath: ['evil', 'public'] })],
  ['the transaction', context({ transaction: 'open' })],
  ['a setting', context({ settings: { datestyle: 'German' } })],
  ['a setting more', context({ settings: { datestyle: 'ISO', timezone: 'UTC' } })],
  ['the tag', facts({ tag: 'UPDATE' })],
  ['what is touched', firstAccess({ name: 'public.payments' })],
  ['the verb', firstAccess({ verb: 'update' })],
  ['the columns', firstAccess({ columns: ['id'] })],
  ['the bound', firstAccess({ bounded: false })],
  ['what is opaque', facts({ opaque: 'a DO block' })],
  ['what is unknown', facts({ unknown: ['orderz'] })],
  ['the predicates', facts({ predicates: ['public.customers.ssn'] })],
  ['the subject', principal({ subject: 'bob' })],
  ['the kind of principal', principal({ kind: 'agent' })],
  ['whom they act for', principal({ actor: 'bob' })],
  ['the target', { target: 'billing' }],
  ['the session', { session: 'ses_01HZZZZZZZZZZZZZZZZZZZZZZX' as BindingInput['session'] }],
];

describe('bindingDigest', () => {
  test('is the same for the same input', () => {
    expect(bindingDigest(sha256, structuredClone(INPUT))).toBe(bindingDigest(sha256, INPUT));
  });

  test.each(CHANGES)('changes with %s', (_name, change) => {
    expect(bindingDigest(sha256, { ...INPUT, ...change })).not.toBe(bindingDigest(sha256, INPUT));
  });

  test('does not change with the order in which settings were made', () => {
    const one = context({ settings: { a: '1', b: '2' } });
    const two = context({ settings: { b: '2', a: '1' } });
    expect(bindingDigest(sha256, { ...INPUT, ...one })).toBe(
      bindingDigest(sha256, { ...INPUT, ...two }),
    );
  });

  test('no byte wanders from one field into its neighbour', () => {
    const texts = fc.array(fc.string({ unit: 'binary', maxLength: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(texts, texts, (left, right) => {
        const same = JSON.stringify(left) === JSON.stringify(right);
        const digest = (searchPath: readonly string[]) =>
          bindingDigest(sha256, { ...INPUT, ...context({ searchPath }) });
        return (digest(left) === digest(right)) === same;
      }),
    );
  });
});

describe('canonicalBytes', () => {
  const value = fc.letrec<{ value: Canonical }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, true, false, '', 'a', 'ab', 'b', '\u0000', '\ud800', '\udfff'),
      fc.integer({ min: -2, max: 2 }),
      fc.uint8Array({ maxLength: 3 }),
      fc.array(tie('value') as fc.Arbitrary<Canonical>, { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'ab'), tie('value') as fc.Arbitrary<Canonical>, {
        noNullPrototype: true,
      }),
    ),
  })).value;
  /** Another way to tell values apart: JSON, with bytes and sorted keys spelt out. */
  const spell = (input: Canonical): string =>
    JSON.stringify(input, (_key, part: unknown) => {
      if (part instanceof Uint8Array) return { bytes: [...part] };
      if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
      return { record: Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)) };
    });

  test('is equal exactly where the values are', () => {
    const hex = (input: Canonical) => Buffer.from(canonicalBytes(input)).toString('hex');
    fc.assert(
      fc.property(value, value, (a, b) => (hex(a) === hex(b)) === (spell(a) === spell(b))),
      { numRuns: 500 },
    );
  });

  test('tells one lone surrogate from another, which UTF-8 would not', () => {
    expect(canonicalBytes('\ud800')).not.toEqual(canonicalBytes('\ud801'));
  });
});
