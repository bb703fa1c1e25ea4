/** The two-question rule, and that every doubt ends in a deny. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Verb } from '../../../core/facts.ts';
import { evaluate, type Policies } from '../../../core/policy/evaluate.ts';
import type { CedarAnswer } from '../../../core/policy/language.ts';
import { ACCESSES_MAX } from '../../../core/policy/questions.ts';
import { command, facts, outcome, person, policies, target } from './demo.ts';

const schema = readFileSync('policies/sallyport.cedarschema', 'utf8');

const action = (...verbs: readonly string[]) =>
  `action in [${verbs.map((verb) => `Sallyport::Action::"${verb}"`).join(', ')}]`;
const permit = (id: string, ...verbs: readonly string[]) =>
  `@id("${id}") permit (principal, ${action(...verbs)}, resource);`;
const forbid = (id: string, ...verbs: readonly string[]) =>
  `@id("${id}") @message("${id} says no.") forbid (principal, ${action(...verbs)}, resource);`;
const held = (id: string, approvers: string, ...verbs: readonly string[]) =>
  `@id("${id}") @approval @approvers("${approvers}") forbid (principal, ${action(...verbs)}, resource);`;

const READ = facts(['read relation public.orders']);
const UPDATE = facts(['read relation public.orders', 'update relation public.orders']);

function check(texts: readonly string[], what: typeof READ, expected: string): void {
  const set = policies(schema, ...texts);
  expect(outcome(set, command(person('alice'), what))).toBe(expected);
}

describe('the two questions', () => {
  const run = permit('run', 'execute', 'read', 'update');

  test.each([
    ['permits allow', [run], UPDATE, 'allow'],
    ['nothing said is a deny', [permit('other', 'connect')], READ, 'deny'],
    [
      'a missing permit on one access denies all',
      [permit('some', 'execute', 'read')],
      UPDATE,
      'deny',
    ],
    ['a forbid wins over permits', [run, forbid('no', 'update')], UPDATE, 'deny no'],
    ['an approval-forbid holds', [run, held('ask', 'dba', 'update')], UPDATE, 'hold ask'],
    [
      'a hold does not replace a permit',
      [permit('run', 'execute', 'read'), held('ask', 'dba', 'update')],
      UPDATE,
      'deny',
    ],
    [
      'a hold does not lift a plain forbid',
      [run, forbid('no', 'update'), held('ask', 'dba', 'update')],
      UPDATE,
      'deny no',
    ],
    [
      'a forbid elsewhere in the command wins over its hold',
      [run, forbid('no', 'read'), held('ask', 'dba', 'update')],
      UPDATE,
      'deny no',
    ],
    [
      'all that apply are asked',
      [run, held('b', 'dba', 'update'), held('a', 'security', 'read')],
      UPDATE,
      'hold a,b',
    ],
    ['the target itself is asked about too', [permit('run', 'read', 'update')], READ, 'deny'],
    ['vacuous facts are asked about', [permit('run', 'read')], facts([]), 'deny'],
    ['vacuous facts can be permitted', [run], facts([]), 'allow'],
    ['vacuous facts can be held', [run, held('ask', 'dba', 'execute')], facts([]), 'hold ask'],
  ] as const)('%s', (_, texts, what, expected) => check(texts, what, expected));

  test('one policy that applies to several accesses asks once', () => {
    const set = policies(schema, run, held('ask', 'dba', 'read', 'update'));
    const { decision } = evaluate(set, command(person('alice'), UPDATE));
    expect(decision.kind === 'hold' && decision.asks.map((ask) => ask.policy)).toEqual(['ask']);
  });
});

describe('what the record and the caller are told', () => {
  test('every forbid that applied, and each message once', () => {
    const set = policies(schema, forbid('b', 'read', 'update'), forbid('a', 'update'));
    const { decision } = evaluate(set, command(person('alice'), UPDATE));
    expect(decision).toMatchObject({
      kind: 'deny',
      policies: ['a', 'b'],
      message: 'b says no. a says no.',
    });
  });

  test('what is not permitted to whom', () => {
    const { decision } = evaluate(
      policies(schema, permit('run', 'execute')),
      command(person('bob'), UPDATE),
    );
    expect(decision.kind === 'deny' && decision.message).toBe(
      'No policy permits bob@example.com (groups: dba, engineering) to read relation public.orders on orders (and 1 more of what the statement does). Ask whoever keeps the policies of orders for a permit.',
    );
  });

  test('@record("sync") raises the record mode, nothing lowers it', () => {
    const sync = `@record("sync") ${permit('run', 'execute', 'read')}`;
    const record = (texts: readonly string[], mode: 'async' | 'spool' | 'sync') => {
      const on = { ...target(), record: mode };
      const { decision } = evaluate(policies(schema, ...texts), command(person('alice'), READ, on));
      return decision.kind === 'allow' ? decision.obligations.record : null;
    };
    expect(record([sync], 'async')).toBe('sync');
    expect(record([permit('run', 'execute', 'read')], 'async')).toBe('async');
    expect(record([permit('run', 'execute', 'read')], 'sync')).toBe('sync');
  });
});

describe('what cannot be judged is refused', () => {
  const everything = policies(schema, '@id("all") permit (principal, action, resource);');
  const refused = (what: typeof READ) => {
    const { decision } = evaluate(everything, command(person('alice'), what));
    return decision.kind === 'deny' ? decision.message : decision.kind;
  };

  test('a relation that the catalog does not know', () => {
    expect(refused(facts([], { unknown: ['ordres'] }))).toContain('orders has no ordres');
  });

  test('a name that splits in more than one way', () => {
    expect(refused(facts(['read relation a.b.c']))).toContain('a.b.c is ambiguous');
    expect(refused(facts(['read relation orders']))).toContain('ambiguous');
    expect(refused(facts(['read relation .orders']))).toContain('ambiguous');
    expect(refused(facts(['transact target billing']))).toContain('ambiguous');
  });

  test('more objects than can be judged in time', () => {
    const many = Array.from({ length: ACCESSES_MAX + 1 }, (_, i) => `read relation public.t${i}`);
    expect(refused(facts(many))).toContain(`at most ${ACCESSES_MAX}`);
  });

  test('hostile names stay names', () => {
    const hostile = 'public.x"]}, "type": "Sallyport::Target", "id": "orders';
    const only = policies(
      schema,
      permit('run', 'execute'),
      '@id("r") permit (principal, action, resource == Sallyport::Relation::"orders/public.orders");',
    );
    expect(outcome(everything, command(person('alice'), facts([`read relation ${hostile}`])))).toBe(
      'allow',
    );
    for (const name of [hostile, 'public.orders ', 'public.orders\0', 'x/public.orders']) {
      const what = { ...READ, accesses: READ.accesses.map((access) => ({ ...access, name })) };
      expect(outcome(only, command(person('alice'), what))).toBe('deny');
    }
  });
});

describe('ids belong to one target', () => {
  const only = policies(
    schema,
    permit('run', 'execute'),
    '@id("r") permit (principal, action, resource == Sallyport::Relation::"orders/public.orders");',
  );
  test.each([
    ['orders', 'allow'],
    ['billing', 'deny'],
  ])('on %s: %s', (name, expected) => {
    expect(outcome(only, command(person('alice'), READ, target(name)))).toBe(expected);
  });
});

describe('every verb can be asked of every kind of object', () => {
  const everything = policies(schema, '@id("all") permit (principal, action, resource);');
  test.each([
    'target orders',
    'schema public',
    'relation public.orders',
    'function public.f',
    'role admin',
    'setting timezone',
  ])('%s', (object) => {
    const all = facts(Verb.options.map((verb) => `${verb} ${object}`));
    expect(outcome(everything, command(person('alice'), all))).toBe('allow');
  });
});

describe('an evaluation error is a deny', () => {
  const run = permit('run', 'execute', 'read', 'update');
  // Cedar skips a policy that fails: a permit is then enough although a forbid beside it might have applied.
  const overflow = 'when { 9223372036854775807 + (if context.opaque then 2 else 1) > 0 };';
  const failing = forbid('fails', 'read').replace(';', overflow);

  test('of a forbid, on the real engine', () => {
    const { decision } = evaluate(policies(schema, run, failing), command(person('alice'), READ));
    expect(decision).toMatchObject({ kind: 'deny', policies: [], ttlSeconds: 0 });
    expect(decision.kind === 'deny' && decision.message).toContain('fails');
  });

  test('of a policy about masks', () => {
    const mask =
      '@id("m") permit (principal, action == Sallyport::Action::"unmask", resource) when { 9223372036854775807 + (if principal.assurance == "" then 1 else 2) > 0 };';
    const { decision } = evaluate(policies(schema, run, mask), command(person('alice'), READ));
    expect(decision).toMatchObject({ kind: 'deny', ttlSeconds: 0 });
  });

  test('of either question', () => {
    const set = policies(schema, run, held('ask', 'dba', 'read'));
    const broken: CedarAnswer = { decision: 'allow', policies: ['run'], errors: ['out of order'] };
    for (const subset of ['all', 'base'] as const) {
      const faulty: Policies = {
        ...set,
        authorize: (asked, request) => (asked === subset ? broken : set.authorize(asked, request)),
      };
      expect(outcome(faulty, command(person('alice'), READ))).toBe('deny');
    }
  });

  test('a request about what the schema does not put together', () => {
    const all = policies(schema, '@id("all") permit (principal, action, resource);');
    const column = { type: 'Sallyport::Column', id: 'orders/public.customers.ssn' };
    const faulty: Policies = {
      ...all,
      authorize: (asked, request) => all.authorize(asked, { ...request, resource: column }),
    };
    expect(outcome(faulty, command(person('alice'), facts([])))).toBe('deny');
  });

  test('a request that does not fit the schema', () => {
    const what = {
      ...READ,
      accesses: READ.accesses.map((each) => ({ ...each, verb: 'reed' as Verb })),
    };
    const all = policies(schema, '@id("all") permit (principal, action, resource);');
    const { decision } = evaluate(all, command(person('alice'), what));
    expect(decision).toMatchObject({ kind: 'deny', ttlSeconds: 0 });
  });
});

describe('properties', () => {
  const verbs = ['read', 'update', 'insert', 'execute'];
  const subset = fc.uniqueArray(fc.constantFrom(...verbs), { minLength: 1 });
  const policy = fc.record({ kind: fc.constantFrom('permit', 'forbid', 'held'), verbs: subset });
  const write = (each: { kind: string; verbs: string[] }, i: number) => {
    if (each.kind === 'permit') return permit(`p${i}`, ...each.verbs);
    return each.kind === 'forbid'
      ? forbid(`p${i}`, ...each.verbs)
      : held(`p${i}`, 'dba', ...each.verbs);
  };
  const accesses = fc.uniqueArray(fc.constantFrom('read', 'update', 'insert'));
  const asked = (what: readonly string[]) =>
    command(person('alice'), facts(what.map((verb) => `${verb} relation public.orders`)));
  const RANK = { deny: 0, hold: 1, allow: 2 } as const;
  const rank = (set: readonly string[], what: readonly string[]) =>
    RANK[evaluate(policies(schema, ...set), asked(what)).decision.kind];

  test('adding a forbid, of either sort, never makes an answer more generous', () => {
    fc.assert(
      fc.property(
        fc.array(policy, { minLength: 1, maxLength: 5 }),
        subset,
        fc.constantFrom('forbid', 'held'),
        accesses,
        (set, more, kind, what) => {
          const before = set.map(write);
          const after = [...before, write({ kind, verbs: more }, set.length)];
          expect(rank(after, what)).toBeLessThanOrEqual(rank(before, what));
        },
      ),
      { numRuns: 20 },
    );
  });

  test('without permits everything is denied', () => {
    const forbids = policy.filter(({ kind }) => kind !== 'permit');
    fc.assert(
      fc.property(fc.array(forbids, { minLength: 1, maxLength: 5 }), accesses, (set, what) => {
        expect(rank(set.map(write), what)).toBe(RANK.deny);
      }),
      { numRuns: 10 },
    );
  });

  test('the answer is the one that asking each question by itself would give', () => {
    fc.assert(
      fc.property(fc.array(policy, { minLength: 1, maxLength: 6 }), accesses, (set, what) => {
        const applies = (kind: string, verb: string) =>
          set.some((each) => each.kind === kind && each.verbs.includes(verb));
        const each = ['execute', ...what].map((verb) => {
          if (applies('forbid', verb) || !applies('permit', verb)) return RANK.deny;
          return applies('held', verb) ? RANK.hold : RANK.allow;
        });
        expect(rank(set.map(write), what)).toBe(Math.min(...each));
      }),
      { numRuns: 25 },
    );
  });
});
