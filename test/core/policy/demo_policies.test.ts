/** The decision table of the demo: who × what → decision. It is the specification of policies/*.cedar. */
import { describe, expect, test } from 'vitest';
import type { Facts } from '../../../core/facts.ts';
import { evaluate } from '../../../core/policy/evaluate.ts';
import { checkPolicies, loadPolicies } from '../../../functions/decide/policies.ts';
import { command, facts, GROUPS, outcome, person, target } from './demo.ts';

const demo = await loadPolicies('policies');

const READ = ['read relation public.orders'];
const ALL_PEOPLE = ['alice', 'bob', 'carol', 'dave', 'frank', 'ci-deploy', 'mallory'];

/** Asserts every person's outcome: those not named get the default. */
function check(what: Facts, expected: Readonly<Record<string, string>>, others: string): void {
  const table = Object.fromEntries(
    ALL_PEOPLE.map((name) => [name, outcome(demo, command(person(name), what))]),
  );
  const wanted = Object.fromEntries(ALL_PEOPLE.map((name) => [name, expected[name] ?? others]));
  expect(table).toEqual(wanted);
}

const MACHINE = 'deny machines-only-read';

describe('policies/ are valid', () => {
  test('against the schema, with the groups and targets of the demo', async () => {
    const known = { groups: GROUPS, targets: ['orders'] };
    const compiled = await checkPolicies('policies', known);
    expect(compiled.kind === 'invalid' ? compiled.problems : []).toEqual([]);
  });
});

describe('sign-in', () => {
  test.each([
    ['alice', 'allow'],
    ['bob', 'allow'],
    ['dave', 'allow'],
    ['frank', 'allow'],
    ['ci-deploy', 'allow'],
    ['carol', 'deny'],
    ['mallory', 'deny'],
  ])('%s: %s', (name, expected) => {
    const question = { question: 'connect', principal: person(name), target: target() } as const;
    expect(outcome(demo, question)).toBe(expected);
  });

  test('says what is missing and where to turn', () => {
    const principal = person('mallory');
    const { decision } = evaluate(demo, { question: 'connect', principal, target: target() });
    expect(decision.kind === 'deny' && decision.message).toBe(
      'No policy permits mallory@example.com (no groups) to connect to orders. Ask whoever keeps the policies of orders for a permit.',
    );
  });
});

describe('reading', () => {
  test('tables: engineering and machines', () => {
    const yes = { alice: 'allow', bob: 'allow', frank: 'allow', 'ci-deploy': 'allow' };
    check(facts(READ), yes, 'deny');
  });

  test('nothing at all (select 1): everyone who may connect', () => {
    check(facts([]), { carol: 'deny', mallory: 'deny' }, 'allow');
  });

  test('catalogs, for introspection', () => {
    check(
      facts([
        'read relation pg_catalog.pg_class',
        'read relation pg_catalog.pg_statistic_ext',
        'read relation information_schema.columns',
        'call function pg_catalog.pg_table_is_visible',
      ]),
      { carol: 'deny', mallory: 'deny' },
      'allow',
    );
  });

  test.each([
    'pg_catalog.pg_stats',
    'pg_catalog.pg_statistic',
    'pg_catalog.pg_statistic_ext_data',
    'pg_catalog.pg_stats_ext',
    'pg_catalog.pg_stat_activity',
    'public.pg_stat_statements',
    'pg_catalog.pg_authid',
    'pg_catalog.pg_shadow',
    'pg_catalog.pg_user_mappings',
    'pg_toast.pg_toast_16384',
  ])('%s leaks: refused to everyone', (name) => {
    check(facts([`read relation ${name}`]), {}, 'deny orders-leaking-catalogs');
  });

  test('COPY out is not permitted: it would escape the masks', () => {
    const what = facts(['copy-out relation public.orders']);
    check(what, { 'ci-deploy': MACHINE }, 'deny');
  });

  test('a masked card may not be searched for, an email may', () => {
    const card = facts(READ, { predicates: ['public.payments.card_number'] });
    const email = facts(READ, { predicates: ['public.customers.email'] });
    expect(outcome(demo, command(person('alice'), card))).toBe('deny cards-not-guessed');
    expect(outcome(demo, command(person('frank'), card))).toBe('allow');
    expect(outcome(demo, command(person('alice'), email))).toBe('allow');
  });
});

describe('masks', () => {
  const obligationsOf = (name: string) => {
    const { decision } = evaluate(demo, command(person(name), facts(READ)));
    return decision.kind === 'allow' ? decision.obligations : null;
  };

  test('everything is masked by default', () => {
    expect(obligationsOf('alice')).toEqual({
      mask: target().masks.columns,
      unmask: [],
      detectors: ['card', 'ssn'],
      record: 'spool',
    });
  });

  test('fraud sees cards, and nothing else', () => {
    const obligations = obligationsOf('frank');
    expect(obligations?.unmask).toEqual(['public.payments.card_number']);
    expect(obligations?.mask.map(({ column }) => column)).toEqual([
      'public.customers.email',
      'public.customers.ssn',
    ]);
  });
});

describe('transactions, EXPLAIN, settings', () => {
  test('transactions', () => {
    const what = facts(['transact target orders'], { tag: 'BEGIN' });
    check(what, { carol: 'deny', mallory: 'deny' }, 'allow');
  });

  test('EXPLAIN is not for machines', () => {
    const what = facts(['explain relation public.orders']);
    check(what, { carol: 'deny', mallory: 'deny', 'ci-deploy': MACHINE }, 'allow');
  });

  test('EXPLAIN ANALYZE is for nobody', () => {
    const what = facts(['explain target orders', ...READ]);
    const both = 'deny machines-only-read,orders-explain-analyze';
    check(what, { 'ci-deploy': both }, 'deny orders-explain-analyze');
  });

  test.each(['application_name', 'search_path', 'timezone', 'statement_timeout', 'datestyle'])(
    'SET %s is harmless',
    (name) => check(facts([`set setting ${name}`]), { carol: 'deny', mallory: 'deny' }, 'allow'),
  );

  test.each([
    'client_encoding',
    'standard_conforming_strings',
    'session_replication_role',
    'role',
    'session_authorization',
    'row_security',
    'backslash_quote',
    'all',
  ])('SET %s is nobody’s', (name) => check(facts([`set setting ${name}`]), {}, 'deny'));
});

describe('changing data', () => {
  const HELD = 'hold orders-changes-held';
  const engineers = { alice: HELD, bob: HELD, frank: HELD, 'ci-deploy': MACHINE };

  test.each(['insert', 'update', 'delete'])('%s, bounded: held for engineering', (verb) => {
    check(facts([`${verb} relation public.orders`, ...READ]), engineers, 'deny');
  });

  test('the hold asks for one dba', () => {
    const what = facts(['insert relation public.orders']);
    const { decision } = evaluate(demo, command(person('alice'), what));
    expect(decision.kind === 'hold' && decision.asks).toEqual([
      {
        policy: 'orders-changes-held',
        message: 'Changes to data in orders are looked at by a dba before they run.',
        approvers: ['dba'],
        quorum: 1,
        expiresSeconds: 900,
        assurance: 'slack',
      },
    ]);
    expect(decision.kind === 'hold' && decision.obligations.record).toBe('sync');
  });

  test.each(['update!', 'delete!'])('%s, unbounded: refused to everyone', (verb) => {
    const what = facts([`${verb} relation public.orders`]);
    const both = 'deny machines-only-read,orders-unbounded-change';
    check(what, { 'ci-deploy': both }, 'deny orders-unbounded-change');
  });

  test('one unbounded change among bounded ones refuses the command', () => {
    const what = facts(['update relation public.orders', 'delete! relation public.payments']);
    expect(outcome(demo, command(person('alice'), what))).toBe('deny orders-unbounded-change');
  });

  test('TRUNCATE: refused to everyone', () => {
    const both = 'deny machines-only-read,orders-truncate';
    check(
      facts(['truncate relation public.orders']),
      { 'ci-deploy': both },
      'deny orders-truncate',
    );
  });

  test('catalogs are not changed by hand', () => {
    const what = facts(['update relation pg_catalog.pg_class']);
    const both = 'deny machines-only-read,orders-catalogs-unchanged';
    check(what, { 'ci-deploy': both }, 'deny orders-catalogs-unchanged');
  });
});

describe('changing the schema', () => {
  const others = { bob: 'hold orders-ddl-held', dave: 'hold orders-ddl-held' };

  test.each([
    'drop relation public.orders',
    'alter relation public.orders',
    'create schema public',
    'create relation public.new',
    'create function public.f',
    'drop schema public',
  ])('%s: held for a dba, refused to others', (what) => {
    const machine = 'deny machines-only-read,orders-ddl-refused';
    check(facts([what]), { ...others, 'ci-deploy': machine }, 'deny orders-ddl-refused');
  });

  test('CREATE TABLE AS needs the right to read too: a dba alone has none', () => {
    const what = facts(['create relation public.copy', ...READ]);
    expect(outcome(demo, command(person('bob'), what))).toBe('hold orders-ddl-held');
    expect(outcome(demo, command(person('dave'), what))).toBe('deny');
  });

  test('GRANT and changes of role: refused to everyone', () => {
    const grant = 'deny machines-only-read,orders-grant-refused';
    check(
      facts(['grant relation public.orders']),
      { 'ci-deploy': grant },
      'deny orders-grant-refused',
    );
    const role = 'deny machines-only-read,orders-role-refused';
    check(facts(['assume role admin']), { 'ci-deploy': role }, 'deny orders-role-refused');
  });

  test('roles are not dropped, by a dba either', () => {
    const { decision } = evaluate(demo, command(person('dave'), facts(['drop role admin'])));
    expect(decision).toMatchObject({ kind: 'deny', policies: ['orders-roles-unchanged'] });
  });
});

describe('opaque statements', () => {
  test('are held for whoever may run statements, and refused to machines', () => {
    check(
      facts([], { tag: 'DO', opaque: 'DO runs a program' }),
      { carol: 'deny', mallory: 'deny', 'ci-deploy': 'deny machines-never-opaque' },
      'hold orders-opaque-held',
    );
  });

  test('an opaque change is held for both reasons at once', () => {
    const what = facts(['insert relation public.orders'], {
      opaque: 'a function of unknown effect',
    });
    expect(outcome(demo, command(person('alice'), what))).toBe(
      'hold orders-changes-held,orders-opaque-held',
    );
  });

  test('and known harm in it stays refused', () => {
    const what = facts(['truncate relation public.orders'], { opaque: 'what follows it' });
    expect(outcome(demo, command(person('bob'), what))).toBe('deny orders-truncate');
  });
});

describe('kinds of principals', () => {
  test('a machine in engineering still only reads', () => {
    const machine = person('ci-deploy', { groups: ['engineering', 'dba'] });
    expect(outcome(demo, command(machine, facts(READ)))).toBe('allow');
    const insert = facts(['insert relation public.orders']);
    expect(outcome(demo, command(machine, insert))).toBe(MACHINE);
  });

  test('a person is not a group of the same name', () => {
    const impostor = person('mallory', { subject: 'engineering', groups: [] });
    expect(outcome(demo, command(impostor, facts(READ)))).toBe('deny');
  });
});

describe('two targets behave apart', () => {
  test.each(['billing', 'orders2', 'order'])('what orders permits, %s does not', (name) => {
    expect(outcome(demo, command(person('alice'), facts(READ), target(name)))).toBe('deny');
  });
});
