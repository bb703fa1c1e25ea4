/**
 * The annotations that a policy may carry, and nothing else: Cedar itself ignores what it does not
 * know, so a misspelt `@aproval` would silently turn a hold into a plain refusal, or worse.
 *
 *   @id("orders-writes-held")   the name in messages, records and queries; required, unique
 *   @message("…")               on a forbid: the sentence that the caller reads
 *   @approval                   on a forbid: a grant can lift it; the next four go with it
 *   @approvers("dba, security") members of any of these groups may answer; required
 *   @quorum("2")                how many distinct humans must approve; 1
 *   @expires("15m")             how long the question stays open: s, m, h or d; 15m
 *   @assurance("idp")           how an answer must be proven: "slack" (default) or "idp"
 *   @record("sync")             the record is kept by the stream before the command is forwarded
 */
import * as v from 'valibot';
import { Ask } from '../decision.ts';
import type { PolicyJson } from './language.ts';

const QUORUM_DEFAULT = 1;
const EXPIRES_DEFAULT_SECONDS = 15 * 60;

/** Ids go into error messages, SQL columns and Slack cards: short and without anything to escape. */
const ID = /^[a-z][a-z0-9-]{0,63}$/;

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 24 * 3600 };

/** What the gateway keeps of one policy besides its Cedar text. */
export interface Rule {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** '' where the policy has none. */
  readonly message: string;
  /** What a grant must satisfy to lift this forbid; null where nothing lifts it, and on permits. */
  readonly ask: Ask | null;
  readonly recordSync: boolean;
}

export interface AnnotationProblem {
  readonly message: string;
  readonly fix: string;
}

export type ParsedRule =
  | { readonly kind: 'rule'; readonly rule: Rule }
  | {
      readonly kind: 'problems';
      /** For naming the policy; '' where it has no usable one. */
      readonly id: string;
      readonly problems: readonly AnnotationProblem[];
    };

type Raw = Readonly<Record<string, string | null>>;

const APPROVAL_DETAILS = ['approvers', 'quorum', 'expires', 'assurance'] as const;
const KNOWN: readonly string[] = ['id', 'message', 'approval', 'record', ...APPROVAL_DETAILS];

export function parseAnnotations(policy: PolicyJson): ParsedRule {
  const raw: Raw = policy.annotations ?? {};
  const problems: AnnotationProblem[] = [];
  const report = (message: string, fix: string) => void problems.push({ message, fix });
  for (const name of Object.keys(raw)) {
    if (!KNOWN.includes(name)) {
      report(`Unknown annotation @${name}`, `Use one of ${KNOWN.map((n) => `@${n}`).join(', ')}`);
    }
  }
  const id = readId(raw, report);
  const message = readMessage(raw, policy.effect, report);
  const recordSync = readRecord(raw, policy.effect, report);
  const ask = readAsk(raw, policy.effect, { id, message }, report);
  return problems.length > 0
    ? { kind: 'problems', id, problems }
    : { kind: 'rule', rule: { id, effect: policy.effect, message, ask, recordSync } };
}

type Report = (message: string, fix: string) => void;

function readId(raw: Raw, report: Report): string {
  const id = raw['id'] ?? '';
  if (ID.test(id)) return id;
  if (id === '') report('The policy has no @id', 'Write @id("a-name-for-it") above it');
  else
    report(`@id("${id}") is not a name`, 'Use a-z, 0-9 and -, at most 64, starting with a letter');
  return '';
}

function readMessage(raw: Raw, effect: string, report: Report): string {
  if (!Object.hasOwn(raw, 'message')) return '';
  const message = (raw['message'] ?? '').trim();
  if (effect === 'permit') {
    report('@message on a permit is never shown', 'Move it to a forbid, or make it a comment');
  } else if (message === '') {
    report('@message is empty', 'Say what is refused, why, and what to do');
  }
  return message;
}

function readRecord(raw: Raw, effect: string, report: Report): boolean {
  if (!Object.hasOwn(raw, 'record')) return false;
  const value = raw['record'] ?? '';
  if (value !== 'sync') {
    report(`@record("${value}") is unknown`, 'Write @record("sync"), or leave it out');
  } else if (effect === 'forbid' && !Object.hasOwn(raw, 'approval')) {
    report(
      '@record on a forbid that nothing lifts has no effect',
      'Move it to the permit, or add @approval',
    );
  }
  return value === 'sync';
}

function readAsk(
  raw: Raw,
  effect: string,
  rule: { readonly id: string; readonly message: string },
  report: Report,
): Ask | null {
  if (!Object.hasOwn(raw, 'approval')) {
    for (const name of APPROVAL_DETAILS) {
      if (!Object.hasOwn(raw, name)) continue;
      report(`@${name} without @approval has no effect`, `Add @approval, or remove @${name}`);
    }
    return null;
  }
  if (effect === 'permit') {
    report(
      '@approval on a permit: approval lifts a forbid',
      'Keep the permit plain and write a forbid with @approval beside it',
    );
  }
  const value = raw['approval'] ?? '';
  if (value !== '') report(`@approval takes no value, got "${value}"`, 'Write @approval alone');
  const ask = {
    policy: rule.id,
    message: rule.message === '' ? `Needs approval by policy ${rule.id}` : rule.message,
    approvers: readApprovers(raw, report),
    quorum: readQuorum(raw, report),
    expiresSeconds: readExpires(raw, report),
    assurance: readAssurance(raw, report),
  };
  // The readers have reported what is wrong in words of their own; this only narrows the type.
  return v.is(Ask, ask) ? ask : null;
}

function readApprovers(raw: Raw, report: Report): readonly string[] {
  const names = (raw['approvers'] ?? '').split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) {
    report('@approval without @approvers', 'Name the groups that may answer: @approvers("dba")');
  } else if (new Set(names).size !== names.length) {
    report(`@approvers names a group twice: ${names.join(', ')}`, 'Name each group once');
  }
  return names;
}

function readQuorum(raw: Raw, report: Report): number {
  if (!Object.hasOwn(raw, 'quorum')) return QUORUM_DEFAULT;
  const text = raw['quorum'] ?? '';
  const quorum = /^[0-9]{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!v.is(Ask.entries.quorum, quorum)) {
    report(`@quorum("${text}") is not a number of people`, 'Use "1" to "10"');
  }
  return quorum;
}

function readExpires(raw: Raw, report: Report): number {
  if (!Object.hasOwn(raw, 'expires')) return EXPIRES_DEFAULT_SECONDS;
  const text = raw['expires'] ?? '';
  const [, count = '', unit = ''] = /^([0-9]{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNIT_SECONDS[unit] ?? Number.NaN);
  if (!v.is(Ask.entries.expiresSeconds, seconds)) {
    report(`@expires("${text}") is not a duration`, 'Use "90s", "15m", "8h" or "2d", at most "7d"');
  }
  return seconds;
}

function readAssurance(raw: Raw, report: Report): Ask['assurance'] {
  const value = raw['assurance'] ?? 'slack';
  if (v.is(Ask.entries.assurance, value)) return value;
  report(`@assurance("${value}") is unknown`, 'Use "slack" or "idp"');
  return 'slack';
}
