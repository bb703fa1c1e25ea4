/** Why a statement is allowed, held or denied: the real classifier and the real evaluation, printed. */
import type { Ask, Decision } from '../../core/decision.ts';
import type { Facts } from '../../core/facts.ts';
import { type Answer, evaluate, type Policies } from '../../core/policy/evaluate.ts';
import type { Principal } from '../../core/principal.ts';
import type { Target } from '../../core/target.ts';
import type { Classifier } from '../../proxy/protocols/postgres/statement.ts';

export interface ExplainInput {
  readonly policies: Policies;
  readonly classifier: Classifier;
  readonly principal: Principal;
  readonly target: Target;
  /** The role that the gateway signs in with: what "$user" in the search path stands for. */
  readonly role: string;
  readonly sql: string;
}

export type Explained =
  | {
      readonly kind: 'explained';
      readonly principal: Principal;
      readonly target: string;
      readonly decision: Decision;
      readonly facts: Facts;
      readonly questions: readonly AskedQuestion[];
    }
  /** Refused before any policy is asked. */
  | { readonly kind: 'unreadable'; readonly message: string };

interface AskedQuestion {
  readonly verb: string;
  readonly object: string;
  readonly answer: Answer['verdict']['kind'];
  /** Ids of the policies that determined it; the errors where it failed. */
  readonly policies: readonly string[];
}

export function explain(input: ExplainInput): Explained {
  const { principal, target } = input;
  const context = {
    database: target.name,
    role: input.role,
    searchPath: ['"$user"', 'public'],
    transaction: 'idle',
    settings: {},
  } as const;
  const classified = input.classifier.classify(input.sql, context);
  if (classified.kind === 'syntax-error') {
    const message = `PostgreSQL cannot parse it: ${classified.message}, at character ${classified.position}`;
    return { kind: 'unreadable', message };
  }
  if (classified.kind === 'unreadable') return classified;
  const { facts } = classified;
  const request = { question: 'command', principal, target, context, facts } as const;
  const { decision, answers } = evaluate(input.policies, request);
  return {
    kind: 'explained',
    principal,
    target: target.name,
    decision,
    facts,
    questions: answers.map(({ question, verdict }) => ({
      verb: question.verb,
      object: question.object,
      answer: verdict.kind,
      policies: policiesOf(verdict),
    })),
  };
}

function policiesOf(verdict: Answer['verdict']): readonly string[] {
  if ('by' in verdict) return verdict.by.map(({ id }) => id);
  return verdict.kind === 'failed' ? verdict.errors : [];
}

export function formatExplained(explained: Extract<Explained, { kind: 'explained' }>): string {
  const { decision, facts, principal } = explained;
  const groups = principal.groups.join(', ') || 'no groups';
  const lines = [
    `${decision.kind.toUpperCase()}  ${facts.tag} by ${principal.subject} (${principal.kind}; ${groups}) on ${explained.target}`,
    ...(decision.kind === 'deny' ? [`  ${decision.message}`] : []),
    ...(decision.kind === 'hold' ? decision.asks.map(formatAsk) : []),
    '',
    'What was asked, and the policies that determined the answer:',
    ...explained.questions.map(formatQuestion),
    ...(facts.opaque === null ? [] : ['', `Opaque: ${facts.opaque}`]),
    ...(decision.kind === 'deny' ? [] : ['', ...formatObligations(decision)]),
    '',
    `Policy version ${decision.policyVersion}`,
  ];
  return lines.join('\n');
}

function formatQuestion({ answer, verb, object, policies }: AskedQuestion): string {
  const by = policies.length === 0 ? '' : `  [${policies.join(', ')}]`;
  return `  ${answer.padEnd(13)} ${verb.padEnd(9)} ${object}${by}`;
}

function formatAsk(ask: Ask): string {
  const people = ask.quorum === 1 ? 'one person' : `${ask.quorum} people`;
  return `  ${ask.message} Asks ${people} of ${ask.approvers.join(' or ')}, within ${ask.expiresSeconds} s, by ${ask.assurance}. [${ask.policy}]`;
}

function formatObligations({
  obligations,
}: Extract<Decision, { kind: 'allow' | 'hold' }>): readonly string[] {
  const { mask, unmask, detectors, record } = obligations;
  return [
    'What goes with it:',
    `  masked     ${mask.map(({ column, style }) => `${column} (${style})`).join(', ') || 'nothing'}`,
    `  shown      ${unmask.join(', ') || 'no masked column'}`,
    `  detectors  ${detectors.join(', ') || 'none'}`,
    `  recorded   ${record}`,
  ];
}
