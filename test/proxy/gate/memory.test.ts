/** What may be answered from memory, for how long, and to which question. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Decision } from '../../../core/decision.ts';
import { type Asked, makeKeyOf, makeMemory } from '../../../proxy/gate/memory.ts';
import { sha256 } from '../../support/approval_requests.ts';
import { ALICE, ALLOW, commandOf, decisionWith } from '../../support/gate_world.ts';

const { context, facts } = commandOf();
const ASKED: Asked = { session: ALICE, context, facts };
const [access] = facts.accesses;
if (access === undefined) throw new Error('The example touches nothing');

const who = (change: object): Partial<Asked> => ({
  session: { ...ALICE, principal: { ...ALICE.principal, ...change } },
});
const where = (change: object): Partial<Asked> => ({
  session: { ...ALICE, target: { ...ALICE.target, ...change } },
});
const inside = (change: object): Partial<Asked> => ({ context: { ...context, ...change } });
const what = (change: object): Partial<Asked> => ({ facts: { ...facts, ...change } });
const touching = (change: object) => what({ accesses: [{ ...access, ...change }] });

/** Everything that a decision may depend on: core/wire/decide. */
const CHANGES: readonly [string, Partial<Asked>][] = [
  ['the subject', who({ subject: 'bob' })],
  ['the email', who({ email: 'alice@example.org' })],
  ['the kind of principal', who({ kind: 'agent' })],
  ['the groups', who({ groups: [...ALICE.principal.groups, 'dba'] })],
  ['no groups', who({ groups: [] })],
  ['whom they act for', who({ actor: 'bob' })],
  ['the assurance', who({ assurance: 'phr' })],
  ['the target', where({ name: 'billing' })],
  ['the environment', where({ environment: 'prod' })],
  [
    'the masked columns',
    where({ masks: { columns: [{ column: 'a.b.c', style: 'full' }], detectors: [] } }),
  ],
  ['the detectors', where({ masks: { columns: [], detectors: ['card'] } })],
  ['the functions vouched for', where({ safeFunctions: ['public.f'] })],
  ['how it is recorded', where({ record: 'sync' })],
  ['the database', inside({ database: 'other' })],
  ['the role', inside({ role: 'owner' })],
  ['the search path', inside({ searchPath: ['evil', 'public'] })],
  ['the transaction', inside({ transaction: 'open' })],
  ['a setting', inside({ settings: { row_security: 'off' } })],
  ['the tag', what({ tag: 'UPDATE' })],
  ['the verb', touching({ verb: 'update' })],
  ['the kind of object', touching({ kind: 'schema' })],
  ['the object', touching({ name: 'public.payments' })],
  ['the columns', touching({ columns: ['id'] })],
  ['no columns', touching({ columns: [] })],
  ['the bound', touching({ bounded: false })],
  ['one access more', what({ accesses: [access, { ...access, verb: 'read' }] })],
  ['no access', what({ accesses: [] })],
  ['what is opaque', what({ opaque: 'a DO block' })],
  ['what is unknown', what({ unknown: ['nowhere'] })],
  ['the predicates', what({ predicates: ['public.customers.ssn'] })],
];

describe('the key', () => {
  const keyOf = makeKeyOf(sha256);

  test('is the same for an equal question, whoever made the objects', () => {
    expect(keyOf('1', structuredClone(ASKED))).toBe(keyOf('1', ASKED));
    const one = { ...context, settings: { a: '1', b: '2' } };
    const two = { ...context, settings: { b: '2', a: '1' } };
    expect(keyOf('1', { ...ASKED, context: one })).toBe(keyOf('1', { ...ASKED, context: two }));
  });

  test('is the same for another session of the same principal', () => {
    const session = { ...ALICE, client: '192.0.2.9:1', startedAt: ALICE.expiresAt };
    expect(keyOf('1', { ...ASKED, session })).toBe(keyOf('1', ASKED));
  });

  test.each(CHANGES)('changes with %s', (_name, change) => {
    expect(keyOf('1', { ...ASKED, ...change })).not.toBe(keyOf('1', ASKED));
  });

  test('changes with the versions, and each change with every other', () => {
    const keys = CHANGES.map(([, change]) => keyOf('1', { ...ASKED, ...change }));
    keys.push(keyOf('1', ASKED), keyOf('2', ASKED), keyOf('', ASKED));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('is never the same for different names', () => {
    const names = fc.array(fc.string(), { maxLength: 4 });
    fc.assert(
      fc.property(names, names, (a, b) => {
        const key = (searchPath: readonly string[], unknown: readonly string[]) =>
          keyOf('1', {
            session: ALICE,
            context: { ...context, searchPath: [...searchPath] },
            facts: { ...facts, unknown },
          });
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(key(a, b) === key(b, a)).toBe(same);
      }),
    );
  });

  test('what it was made of cannot be changed any more', () => {
    const mutable = structuredClone(ASKED);
    keyOf('1', mutable);
    expect(() => {
      mutable.context.role = 'owner';
    }).toThrow(TypeError);
    expect(() => {
      mutable.context.settings['row_security'] = 'off';
    }).toThrow(TypeError);
    expect(() => (mutable.facts.accesses as unknown[]).push({})).toThrow(TypeError);
  });
});

function makeWorld() {
  const state = { ms: 0 };
  const memory = makeMemory({ now: () => ALICE.startedAt, monotonic: () => state.ms });
  let asked = 0;
  const answering = (decision: Decision) => async () => {
    asked += 1;
    return decision;
  };
  return { state, memory, answering, asked: () => asked };
}

const SHORT = decisionWith(ALLOW, { ttlSeconds: 10 });
const NEVER = decisionWith(ALLOW, { ttlSeconds: 0 });
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the memory', () => {
  test('recalls until the answer ends, and not a moment longer', async () => {
    const { state, memory, answering } = makeWorld();
    const ask = answering(SHORT);
    expect(memory.recall('key', ask)).toBeNull();
    await memory.ask('key', ask);
    state.ms = 7_999;
    expect(memory.recall('key', ask)).toBe(SHORT);
    state.ms = 10_000;
    expect(memory.recall('key', ask)).toBeNull();
  });

  test('never keeps what may not be kept, and drops what it had', async () => {
    const { memory, answering } = makeWorld();
    await memory.ask('key', answering(NEVER));
    expect(memory.size()).toBe(0);
    await memory.ask('key', answering(SHORT));
    await memory.ask('key', answering(NEVER));
    expect(memory.recall('key', answering(SHORT))).toBeNull();
  });

  test('asks once for everybody who asks at the same time', async () => {
    const { memory, answering, asked } = makeWorld();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => memory.ask('key', answering(NEVER))),
    );
    expect([answers.length, asked()]).toEqual([50, 1]);
    await memory.ask('key', answering(NEVER));
    expect(asked()).toBe(2);
  });

  test('a failure is everybody’s, and is not remembered', async () => {
    const { memory, answering } = makeWorld();
    const fail = () => Promise.reject(new Error('down'));
    const both = await Promise.allSettled([memory.ask('key', fail), memory.ask('key', fail)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await memory.ask('key', answering(SHORT))).toBe(SHORT);
  });

  test('asks again behind the answer in its last fifth; a failure then harms nobody', async () => {
    const { state, memory, answering, asked } = makeWorld();
    await memory.ask('key', answering(SHORT));
    state.ms = 8_000;
    expect(memory.recall('key', () => Promise.reject(new Error('down')))).toBe(SHORT);
    await turn();
    expect(memory.recall('key', answering(SHORT))).toBe(SHORT);
    await turn();
    expect(asked()).toBe(2);
    state.ms = 12_000;
    expect(memory.recall('key', answering(SHORT))).toBe(SHORT);
  });

  test('forgets everything, and what is being asked for at that moment', async () => {
    const { memory, answering } = makeWorld();
    await memory.ask('old', answering(SHORT));
    let answer: (decision: Decision) => void = () => {};
    const before = memory.ask('key', () => new Promise((resolve) => (answer = resolve)));
    memory.forget();
    expect(memory.recall('old', answering(SHORT))).toBeNull();
    const now = decisionWith(SHORT, { policies: ['newer'] });
    expect(await memory.ask('key', answering(now))).toBe(now);
    answer(SHORT);
    expect(await before).toBe(SHORT);
    expect(memory.recall('key', answering(SHORT))).toBe(now);
  });
});
