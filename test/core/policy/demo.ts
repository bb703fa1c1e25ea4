/** The demo's people and target, and the real engine over the demo's policies: what these tests ask. */
import * as v from 'valibot';
import type { Access, Facts, ObjectKind, Verb } from '../../../core/facts.ts';
import { evaluate, type Policies } from '../../../core/policy/evaluate.ts';
import {
  compilePolicies,
  formatProblem,
  type PolicyFile,
} from '../../../core/policy/policy_set.ts';
import type { Known } from '../../../core/policy/references.ts';
import type { Principal } from '../../../core/principal.ts';
import { Target } from '../../../core/target.ts';
import type { DecideRequest } from '../../../core/wire/decide.ts';
import { loadCedar, makePolicyLanguage } from '../../../functions/decide/cedar.ts';
import { askable, sha256 } from '../../../functions/decide/policies.ts';

export const GROUPS = ['engineering', 'dba', 'security', 'fraud'];

const PEOPLE: Readonly<Record<string, readonly string[]>> = {
  alice: ['engineering'],
  bob: ['dba', 'engineering'],
  carol: ['security'],
  dave: ['dba'],
  frank: ['engineering', 'fraud'],
  'ci-deploy': [],
  mallory: [],
};

export function person(name: string, change: Partial<Principal> = {}): Principal {
  return {
    subject: name,
    email: name === 'ci-deploy' ? null : `${name}@example.com`,
    kind: name === 'ci-deploy' ? 'machine' : 'human',
    groups: PEOPLE[name] ?? [],
    actor: null,
    assurance: '',
    ...change,
  };
}

export function target(name = 'orders'): Target {
  return v.parse(Target, {
    name,
    protocol: 'postgres',
    environment: 'demo',
    masks: {
      columns: [
        { column: 'public.customers.email' },
        { column: 'public.customers.ssn' },
        { column: 'public.payments.card_number', style: 'keep-last-4' },
      ],
      detectors: ['card', 'ssn'],
    },
  });
}

/** `read relation public.orders`, `update! relation public.orders`: ! is unbounded. */
export function access(text: string): Access {
  const [verb = '', kind = '', name = ''] = text.split(' ');
  return {
    verb: verb.replace('!', '') as Verb,
    kind: kind as ObjectKind,
    name,
    columns: null,
    bounded: !verb.endsWith('!'),
  };
}

export function facts(accesses: readonly string[], change: Partial<Facts> = {}): Facts {
  return {
    tag: 'SELECT',
    accesses: accesses.map(access),
    opaque: null,
    unknown: [],
    predicates: [],
    ...change,
  };
}

export function command(principal: Principal, known: Facts, on = target()): DecideRequest {
  const context = {
    database: 'orders',
    role: 'sallyport',
    searchPath: ['public'],
    transaction: 'idle',
    settings: {},
  } as const;
  return { question: 'command', principal, target: on, context, facts: known };
}

const cedar = await loadCedar();

export function compile(
  schema: string,
  files: Readonly<Record<string, string>>,
  known: Known = { groups: null, targets: null },
) {
  const named: PolicyFile[] = Object.entries(files).map(([name, text]) => ({ name, text }));
  return compilePolicies(
    { language: makePolicyLanguage(cedar), sha256 },
    { schema: { name: 'schema', text: schema }, files: named, known },
  );
}

/** Compiled and askable; throws with everything that is wrong. */
export function policies(schema: string, ...texts: readonly string[]): Policies {
  const files = Object.fromEntries(texts.map((text, i) => [`${i}.cedar`, text]));
  const compiled = compile(schema, files);
  if (compiled.kind === 'compiled') return askable(cedar, compiled.set);
  throw new Error(compiled.problems.map(formatProblem).join('\n'));
}

/** `allow`, `hold a,b` or `deny a`: with the ids of the policies that determined it. */
export function outcome(from: Policies, request: DecideRequest): string {
  const { decision } = evaluate(from, request);
  return [decision.kind, decision.kind === 'allow' ? '' : decision.policies.join(',')]
    .join(' ')
    .trim();
}
