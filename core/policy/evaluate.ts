/**
 * The two-question rule. For each Cedar request, in this order:
 *   1. does the set *without* the approval-forbids allow it? If not, deny: a grant never replaces a
 *      missing permit and never lifts a plain forbid;
 *   2. which approval-forbids apply? None: allow. Some: hold, for the union of what they ask.
 * All requests of a command must be allowed; one deny denies it, and one evaluation error does too.
 */
import type { PolicyVersion } from '../brand.ts';
import type { Ask, Decision, Obligations } from '../decision.ts';
import { assert } from '../errors.ts';
import type { Target } from '../target.ts';
import type { DecideRequest } from '../wire/decide.ts';
import type { Rule } from './annotations.ts';
import type { Authorize } from './language.ts';
import { failedMessage, forbiddenMessage, notPermittedMessage } from './messages.ts';
import { type Question, questionsOf, unmaskQuestions } from './questions.ts';

/**
 * How long an answer may be remembered. It depends on nothing but the question and the policy version,
 * both in the memory's key, so this only bounds how long a fault in that key could last.
 */
export const DECISION_TTL_SECONDS = 300;

/** An engine's failure may pass, so it is not remembered. */
const FAILURE_TTL_SECONDS = 0;

export interface Policies {
  readonly version: PolicyVersion;
  readonly rules: ReadonlyMap<string, Rule>;
  readonly authorize: Authorize;
}

/** What became of one question; `explain` prints these. */
export interface Answer {
  readonly question: Question;
  readonly verdict: Verdict;
}

export type Verdict =
  | { readonly kind: 'allow'; readonly by: readonly Rule[] }
  | { readonly kind: 'hold'; readonly by: readonly Rule[] }
  | { readonly kind: 'forbidden'; readonly by: readonly Rule[] }
  | { readonly kind: 'not-permitted' }
  | { readonly kind: 'failed'; readonly errors: readonly string[] };

export interface Evaluation {
  readonly decision: Decision;
  /** Everything that was asked, `unmask` included, in order. Empty where nothing could be. */
  readonly answers: readonly Answer[];
}

export function evaluate(policies: Policies, request: DecideRequest): Evaluation {
  const asked = questionsOf(request);
  if (asked.kind === 'unanswerable') {
    return { decision: deny(policies, [], `${asked.why}.`, DECISION_TTL_SECONDS), answers: [] };
  }
  const answers = asked.questions.map((question) => answer(policies, question));
  const refusal = refuse(policies, request, answers);
  if (refusal !== null) return { decision: refusal, answers };
  // Masks are asked about only where there may be something to show.
  const { principal, target } = request;
  const masks = unmaskQuestions(principal, target).map((each) => answer(policies, each));
  const decision = failure(policies, masks) ?? permitted(policies, target, answers, masks);
  return { decision, answers: [...answers, ...masks] };
}

/**
 * One evaluation of the whole set answers both questions in the common case: where it allows, no
 * forbid of either sort applies; where a plain forbid is among the reasons, or there are no reasons,
 * the base set denies too. Only a deny by approval-forbids alone leaves the permit open to doubt.
 */
function answer(policies: Policies, question: Question): Answer {
  const whole = policies.authorize('all', question.request);
  if (whole.errors.length > 0) return failed(question, whole.errors);
  const by = rulesOf(policies, whole.policies);
  if (whole.decision === 'allow') {
    assert(by.length > 0, 'an allow names the permit that determined it');
    return { question, verdict: { kind: 'allow', by } };
  }
  const plain = by.filter((rule) => rule.ask === null);
  if (plain.length > 0) return { question, verdict: { kind: 'forbidden', by: plain } };
  if (by.length === 0) return { question, verdict: { kind: 'not-permitted' } };
  const base = policies.authorize('base', question.request);
  if (base.errors.length > 0) return failed(question, base.errors);
  return base.decision === 'allow'
    ? { question, verdict: { kind: 'hold', by: [...by, ...rulesOf(policies, base.policies)] } }
    : { question, verdict: { kind: 'not-permitted' } };
}

function failed(question: Question, errors: readonly string[]): Answer {
  return { question, verdict: { kind: 'failed', errors } };
}

function rulesOf(policies: Policies, ids: readonly string[]): readonly Rule[] {
  return ids.map((id) => {
    const rule = policies.rules.get(id);
    assert(rule !== undefined, `policy ${id} that determined an answer is one of the set's`);
    return rule;
  });
}

/** The command's own questions: null where nothing stands in its way but approval. */
function refuse(
  policies: Policies,
  { principal, target }: DecideRequest,
  answers: readonly Answer[],
): Decision | null {
  const failed = failure(policies, answers);
  if (failed !== null) return failed;
  const forbids = answers.flatMap(({ verdict }) =>
    verdict.kind === 'forbidden' ? verdict.by : [],
  );
  if (forbids.length > 0) {
    return deny(policies, forbids, forbiddenMessage(forbids), DECISION_TTL_SECONDS);
  }
  const [missing, ...more] = answers.filter(({ verdict }) => verdict.kind === 'not-permitted');
  if (missing === undefined) return null;
  const message = notPermittedMessage(principal, target.name, missing.question, more.length);
  return deny(policies, [], message, DECISION_TTL_SECONDS);
}

/** Cedar skips a policy that fails, a forbid too: then no answer of the set can be trusted. */
function failure(policies: Policies, answers: readonly Answer[]): Decision | null {
  const errors = answers.flatMap(({ verdict }) =>
    verdict.kind === 'failed' ? verdict.errors : [],
  );
  if (errors.length === 0) return null;
  return deny(policies, [], failedMessage([...new Set(errors)]), FAILURE_TTL_SECONDS);
}

function permitted(
  policies: Policies,
  target: Target,
  answers: readonly Answer[],
  masks: readonly Answer[],
): Decision {
  const rules = answers.flatMap(({ verdict }) => ('by' in verdict ? verdict.by : []));
  const common = { policyVersion: policies.version, ttlSeconds: DECISION_TTL_SECONDS };
  const asks = asksOf(rules);
  const obligations = obligationsOf(target, masks, rules, asks.length > 0);
  if (asks.length === 0) return { kind: 'allow', ...common, policies: idsOf(rules), obligations };
  return { kind: 'hold', ...common, policies: asks.map((ask) => ask.policy), asks, obligations };
}

function deny(
  policies: Policies,
  rules: readonly Rule[],
  message: string,
  ttlSeconds: number,
): Decision {
  const { version: policyVersion } = policies;
  return { kind: 'deny', policies: idsOf(rules), policyVersion, ttlSeconds, message };
}

/** One ask for each approval-forbid, in the order of their ids, however often it applied. */
function asksOf(rules: readonly Rule[]): readonly Ask[] {
  const asks = new Map(rules.flatMap((rule) => (rule.ask === null ? [] : [[rule.id, rule.ask]])));
  return [...asks.values()].sort((a, b) => (a.policy < b.policy ? -1 : 1));
}

/** Masks are the default: a column is shown only on a plain allow of `unmask`. */
function obligationsOf(
  target: Target,
  masks: readonly Answer[],
  rules: readonly Rule[],
  held: boolean,
): Obligations {
  // unmaskQuestions keeps the order of the target's columns.
  const shown = target.masks.columns.map((_, i) => masks[i]?.verdict.kind === 'allow');
  const sync = held || target.record === 'sync' || rules.some((rule) => rule.recordSync);
  return {
    mask: target.masks.columns.filter((_, i) => shown[i] !== true),
    unmask: target.masks.columns.filter((_, i) => shown[i] === true).map(({ column }) => column),
    detectors: target.masks.detectors,
    record: sync ? 'sync' : target.record,
  };
}

function idsOf(rules: readonly Rule[]): readonly string[] {
  return [...new Set(rules.map((rule) => rule.id))].sort();
}
