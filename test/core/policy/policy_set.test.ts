/** What is refused before it can be published, and what the author is told. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Verb } from '../../../core/facts.ts';
import { formatProblem } from '../../../core/policy/policy_set.ts';
import { compile, GROUPS } from './demo.ts';

const schema = readFileSync('policies/sallyport.cedarschema', 'utf8');
const SCOPE = '(principal, action == Sallyport::Action::"read", resource);';

/** Each problem as one line of text; none for a good set. */
function problems(...texts: readonly string[]): readonly string[] {
  const files = Object.fromEntries(texts.map((text, i) => [`${'abc'.charAt(i)}.cedar`, text]));
  const compiled = compile(schema, files, { groups: GROUPS, targets: ['orders'] });
  return compiled.kind === 'compiled' ? [] : compiled.problems.map(formatProblem);
}

function check(annotations: string, effect: 'permit' | 'forbid', expected: string): void {
  expect(problems(`${annotations}\n${effect} ${SCOPE}`)).toEqual(expected === '' ? [] : [expected]);
}

const HELD = '@id("x") @approval @approvers("dba")';

describe('good annotations', () => {
  test.each([
    ['@id("x")', 'permit'],
    ['@id("x") @record("sync")', 'permit'],
    ['@id("x") @message("No.")', 'forbid'],
    [HELD, 'forbid'],
    [`${HELD} @quorum("2") @expires("8h") @assurance("idp") @record("sync")`, 'forbid'],
    ['@id("x") @approval @approvers("dba, security")', 'forbid'],
    [`${HELD} @expires("7d")`, 'forbid'],
  ] as const)('%s on a %s', (annotations, effect) => check(annotations, effect, ''));
});

describe('bad annotations name file, line, policy and fix', () => {
  const KNOWN = '@id, @message, @approval, @record, @approvers, @quorum, @expires, @assurance';
  const duration = 'Use "90s", "15m", "8h" or "2d", at most "7d"';
  test.each([
    ['', 'permit', 'a.cedar:2: The policy has no @id. Write @id("a-name-for-it") above it'],
    ['@id', 'permit', 'a.cedar:1: The policy has no @id. Write @id("a-name-for-it") above it'],
    [
      '@id("A b")',
      'permit',
      'a.cedar:1: @id("A b") is not a name. Use a-z, 0-9 and -, at most 64, starting with a letter',
    ],
    [
      '@id("x") @aproval',
      'forbid',
      `a.cedar:1: [x] Unknown annotation @aproval. Use one of ${KNOWN}`,
    ],
    [
      HELD,
      'permit',
      'a.cedar:1: [x] @approval on a permit: approval lifts a forbid. Keep the permit plain and write a forbid with @approval beside it',
    ],
    [
      '@id("x") @approval("yes") @approvers("dba")',
      'forbid',
      'a.cedar:1: [x] @approval takes no value, got "yes". Write @approval alone',
    ],
    [
      '@id("x") @approval',
      'forbid',
      'a.cedar:1: [x] @approval without @approvers. Name the groups that may answer: @approvers("dba")',
    ],
    [
      '@id("x") @approval @approvers("dba,")',
      'forbid',
      'a.cedar:1: [x] @approval without @approvers. Name the groups that may answer: @approvers("dba")',
    ],
    [
      '@id("x") @approval @approvers("dba,dba")',
      'forbid',
      'a.cedar:1: [x] @approvers names a group twice: dba, dba. Name each group once',
    ],
    [
      '@id("x") @approval @approvers("dbas")',
      'forbid',
      'a.cedar:1: [x] Unknown group dbas. Use one of engineering, dba, security, fraud',
    ],
    ...(['approvers("dba")', 'quorum("1")', 'expires("1m")', 'assurance("idp")'] as const).map(
      (detail) => {
        const name = detail.replace(/\(.*/, '');
        const text = `a.cedar:1: [x] @${name} without @approval has no effect. Add @approval, or remove @${name}`;
        return [`@id("x") @${detail}`, 'forbid', text] as const;
      },
    ),
    ...['0', '11', '-1', '1.5', 'two', ''].map((value) => {
      const text = `a.cedar:1: [x] @quorum("${value}") is not a number of people. Use "1" to "10"`;
      return [`${HELD} @quorum("${value}")`, 'forbid', text] as const;
    }),
    ...['0s', '8d', '15', '15 m', 'm', '1h30m', '-1m', '1w', '9999999s'].map((value) => {
      const text = `a.cedar:1: [x] @expires("${value}") is not a duration. ${duration}`;
      return [`${HELD} @expires("${value}")`, 'forbid', text] as const;
    }),
    [
      `${HELD} @assurance("email")`,
      'forbid',
      'a.cedar:1: [x] @assurance("email") is unknown. Use "slack" or "idp"',
    ],
    [
      '@id("x") @record("async")',
      'permit',
      'a.cedar:1: [x] @record("async") is unknown. Write @record("sync"), or leave it out',
    ],
    [
      '@id("x") @record("sync")',
      'forbid',
      'a.cedar:1: [x] @record on a forbid that nothing lifts has no effect. Move it to the permit, or add @approval',
    ],
    [
      '@id("x") @message("hello")',
      'permit',
      'a.cedar:1: [x] @message on a permit is never shown. Move it to a forbid, or make it a comment',
    ],
    [
      '@id("x") @message(" ")',
      'forbid',
      'a.cedar:1: [x] @message is empty. Say what is refused, why, and what to do',
    ],
  ] as const)('%s on a %s', (annotations, effect, expected) => {
    check(annotations, effect, expected);
  });

  test('all problems of all files at once, in order', () => {
    const files = [
      `permit ${SCOPE}\n@id("b") @nope\nforbid ${SCOPE}`,
      `@id("c") @record\npermit ${SCOPE}`,
    ];
    expect(problems(...files).map((line) => line.slice(0, 12))).toEqual([
      'a.cedar:1: T',
      'a.cedar:2: [',
      'b.cedar:1: [',
    ]);
  });

  test('an id twice, across files', () => {
    expect(problems(`\n@id("x") permit ${SCOPE}`, `@id("x")\nforbid ${SCOPE}`)).toEqual([
      'b.cedar:1: [x] @id("x") is taken by a.cedar:2. Give each policy its own',
    ]);
  });
});

describe('what Cedar would take silently', () => {
  const when = (condition: string) =>
    `@id("x")\nforbid (principal, action == Sallyport::Action::"read", resource)\nwhen { ${condition} };`;
  test.each([
    [
      'a relation without its target',
      when('resource == Sallyport::Relation::"public.payments"'),
      'a.cedar:1: [x] Relation::"public.payments" can never match: its id has not the form of a Relation. Write it like Relation::"orders/public.payments"',
    ],
    [
      'a column named like a relation',
      '@id("x") permit (principal, action == Sallyport::Action::"unmask", resource == Sallyport::Column::"orders/payments.card_number");',
      'a.cedar:1: [x] Column::"orders/payments.card_number" can never match: its id has not the form of a Column. Write it like Column::"orders/public.payments.card_number"',
    ],
    [
      'an unknown target',
      when('resource in Sallyport::Target::"order"'),
      'a.cedar:1: [x] Unknown target order. Use one of orders',
    ],
    [
      'an unknown group in a condition',
      when('principal in Sallyport::Group::"enginering"'),
      'a.cedar:1: [x] Unknown group enginering. Use one of engineering, dba, security, fraud',
    ],
    [
      'a template',
      `@id("x") permit (principal == ?principal, action, resource);`,
      'a.cedar:1: A template is never linked here, so it would have no effect. Write the policy out, without ?principal and ?resource',
    ],
    [
      'approval of everything',
      `${HELD} forbid (principal, action, resource);`,
      'a.cedar:1: [x] @approval on a policy for every action would hold sign-in too. Name the actions: action in [Sallyport::Action::"update", …]',
    ],
    [
      'approval of sign-in',
      `${HELD} forbid (principal, action == Sallyport::Action::"connect", resource);`,
      'a.cedar:1: [x] @approval on the action connect: only commands can be held. Remove connect from its actions, or remove @approval',
    ],
  ])('%s', (_, text, expected) => expect(problems(text)).toEqual([expected]));
});

describe('what the schema refuses', () => {
  const start =
    '@id("x")\npermit (principal, action == Sallyport::Action::"read", resource)\nwhen {';
  test.each([
    ['an unknown attribute', `${start} context.nope };`, /^a\.cedar:3: \[x\] .*`nope`.*not found/],
    [
      'an unguarded option',
      `${start} context.columns.contains("a") };`,
      /^a\.cedar:3: \[x\] .*optional/,
    ],
    ['a policy that can never match', `${start} false };`, /^a\.cedar:1: \[x\] .*impossible/],
    [
      'an unknown action',
      '@id("x") permit (principal, action == Sallyport::Action::"reed", resource);',
      /^a\.cedar:1: \[x\] .*reed.*did you mean/s,
    ],
    ['a syntax error, after an é', `// é\n${start} a b };`, /^a\.cedar:4: unexpected token `b`/],
    ['no policy at all', '// nothing', /^schema:1: There is no policy beside the schema/],
  ])('%s', (_, text, expected) => {
    expect(problems(text)[0]).toMatch(expected);
  });

  test('a broken schema', () => {
    const compiled = compile(`${schema}\nnonsense`, { 'a.cedar': `@id("x") permit ${SCOPE}` });
    expect(compiled.kind === 'invalid' && compiled.problems[0]).toMatchObject({ file: 'schema' });
  });
});

describe('the schema', () => {
  test.each([...Verb.options, 'connect', 'execute', 'unmask'])('has the action %s', (verb) => {
    const text = `@id("x") permit (principal, action == Sallyport::Action::"${verb}", resource);`;
    expect(problems(text)).toEqual([]);
  });
});

describe('the version', () => {
  const version = (...texts: readonly string[]) => {
    const files = Object.fromEntries(texts.map((text, i) => [`${i}.cedar`, text]));
    const compiled = compile(schema, files);
    return compiled.kind === 'compiled' ? compiled.set.version : null;
  };
  const a = `@id("a") permit ${SCOPE}`;
  const b = `@id("b") @message("No.") forbid ${SCOPE}`;

  test('names what the set means: not its files, order, comments or layout', () => {
    expect(version(a, b)).toMatch(/^[0-9a-f]{64}$/);
    expect(version(b, a)).toBe(version(a, b));
    expect(version(`// why\n${a}\n\n${b}`)).toBe(version(a, b));
  });

  test.each([
    ['a policy more', [a, b, `@id("c") permit ${SCOPE}`]],
    ['another effect', [a, `@id("b") permit ${SCOPE}`]],
    ['another message', [a, b.replace('No.', 'Never.')]],
    ['another condition', [a.replace(';', ' when { context.opaque };'), b]],
  ])('changes with %s', (_, texts) => {
    expect(version(...texts)).not.toBeNull();
    expect(version(...texts)).not.toBe(version(a, b));
  });
});
