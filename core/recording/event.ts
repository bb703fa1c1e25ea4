/**
 * One line of the record: a closed, versioned union. Everything in it is masked already.
 *
 * `seq` counts from 0 within a session without gaps; `prev` and `hash` chain the session's events
 * (see core/recording/chain). Add kinds and nullable fields; never change the meaning of one.
 */
import * as v from 'valibot';
import { CommandId, EpochMs, PolicyVersion, RequestId, SessionId, Sha256Hex } from '../brand.ts';
import { ObjectKind, Verb } from '../facts.ts';
import { PrincipalKind } from '../principal.ts';

export const EVENT_VERSION = 1;

/** Longest statement text kept inside an event, UTF-16 units; what is cut is said so. */
export const EVENT_TEXT_MAX = 32_768;

const strings = v.pipe(v.array(v.string()), v.readonly());

const envelope = {
  v: v.literal(EVENT_VERSION),
  session: SessionId,
  seq: v.pipe(v.number(), v.integer(), v.minValue(0)),
  at: EpochMs,
};

const chain = { prev: Sha256Hex, hash: Sha256Hex };

/**
 * Whose event it is. Repeated on every event, so that a row of the archive never has to be joined
 * with the session's first one, which may lie in another file.
 */
export const Who = v.strictObject({
  /** What people call them: the email, or the subject where there is none. */
  principal: v.string(),
  subject: v.string(),
  kind: PrincipalKind,
  groups: strings,
  target: v.string(),
  environment: v.string(),
  client: v.string(),
});
export type Who = v.InferOutput<typeof Who>;

/** The facts of a command that the record keeps. Repeated on its result, so that one row tells all. */
export const CommandRecord = v.strictObject({
  command: CommandId,
  tag: v.string(),
  verbs: v.pipe(v.array(Verb), v.readonly()),
  objects: v.pipe(v.array(v.strictObject({ kind: ObjectKind, name: v.string() })), v.readonly()),
  opaque: v.nullable(v.string()),
  bounded: v.boolean(),
  /** Masked: see core/command Redacted. */
  statement: v.string(),
  parameters: strings,
  /** UTF-16 units cut from the end of `statement`; 0 where it is whole. */
  statementCut: v.number(),
  decision: v.picklist(['allow', 'deny', 'hold']),
  policies: strings,
  policyVersion: v.nullable(PolicyVersion),
  /** Why it was refused, as the caller was told; '' where it was not. */
  refusal: v.string(),
  approval: v.nullable(
    v.strictObject({
      id: RequestId,
      approvers: strings,
      requestedAt: EpochMs,
      decidedAt: v.nullable(EpochMs),
    }),
  ),
});
export type CommandRecord = v.InferOutput<typeof CommandRecord>;

export const Outcome = v.strictObject({
  /** `unknown`: it was forwarded and no answer came. */
  status: v.picklist(['succeeded', 'failed', 'cancelled', 'unknown']),
  /** SQLSTATE of the target's error, '' where there was none. */
  sqlState: v.string(),
  rows: v.pipe(v.number(), v.integer(), v.minValue(0)),
  bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
  durationMs: v.pipe(v.number(), v.minValue(0)),
  /** What was masked and how often, e.g. `column:public.customers.email` or `detector:card`. */
  masked: v.pipe(v.array(v.strictObject({ kind: v.string(), count: v.number() })), v.readonly()),
});
export type Outcome = v.InferOutput<typeof Outcome>;

const bodies = {
  'session.start': {
    principal: v.string(),
    principalKind: PrincipalKind,
    email: v.nullable(v.string()),
    groups: strings,
    target: v.string(),
    environment: v.string(),
    protocol: v.string(),
    client: v.string(),
    application: v.string(),
    expiresAt: EpochMs,
  },
  /** Written before the command is forwarded. */
  'command.intent': { record: CommandRecord },
  /** Written after its last byte was answered. */
  'command.result': { record: CommandRecord, outcome: Outcome },
  /** Denied, refused or withdrawn: it never reached the target. */
  'command.refused': { record: CommandRecord },
  /** A step of an approval request, as the waiting proxy saw it. */
  'approval.step': { request: RequestId, status: v.string(), detail: v.string() },
  'session.end': { reason: v.string(), commands: v.number() },
} as const;

export const EventKind = v.picklist(Object.keys(bodies) as (keyof typeof bodies)[]);
export type EventKind = v.InferOutput<typeof EventKind>;

/** An event before the recorder numbers and chains it. */
export const EventBody = v.variant('kind', [
  v.strictObject({ kind: v.literal('session.start'), ...bodies['session.start'] }),
  v.strictObject({ kind: v.literal('command.intent'), ...bodies['command.intent'] }),
  v.strictObject({ kind: v.literal('command.result'), ...bodies['command.result'] }),
  v.strictObject({ kind: v.literal('command.refused'), ...bodies['command.refused'] }),
  v.strictObject({ kind: v.literal('approval.step'), ...bodies['approval.step'] }),
  v.strictObject({ kind: v.literal('session.end'), ...bodies['session.end'] }),
]);
export type EventBody = v.InferOutput<typeof EventBody>;

export const RecordedEvent = v.strictObject({ ...envelope, who: Who, body: EventBody, ...chain });
export type RecordedEvent = v.InferOutput<typeof RecordedEvent>;

/** `ses_…-17`: the key on which readers and compaction drop duplicates. */
export function eventId(event: Pick<RecordedEvent, 'session' | 'seq'>): string {
  return `${event.session}-${event.seq}`;
}
