/**
 * What passes between proxy/gate, the approval pages and functions/approvals.
 * The proxy may open, renew, withdraw and consume; it can never vote.
 */
import * as v from 'valibot';
import { CommandId, EpochMs, RequestId, SessionId, Sha256Hex } from '../brand.ts';
import { Ask } from '../decision.ts';
import { Facts } from '../facts.ts';
import { Principal } from '../principal.ts';

/** Longest statement that may be held, in UTF-16 units. A longer one is refused, never cut. */
export const HELD_STATEMENT_MAX = 100_000;

/** Where a request stands. The last five are terminal; every request reaches exactly one of them. */
export const RequestStatus = v.picklist([
  'requested',
  'partly-approved',
  'approved',
  'consumed',
  'denied',
  'expired',
  'withdrawn',
  'revoked',
]);
export type RequestStatus = v.InferOutput<typeof RequestStatus>;

export const Vote = v.strictObject({
  voter: v.string(),
  answer: v.picklist(['approve', 'deny']),
  reason: v.string(),
  /** The door it came through. */
  via: v.picklist(['slack', 'page', 'cli']),
  at: EpochMs,
  /** The groups the voter was in when the vote counted. */
  groups: v.pipe(v.array(v.string()), v.readonly()),
});
export type Vote = v.InferOutput<typeof Vote>;

/** Somebody was shown the sealed statement. Each is an event of the record. */
export const Viewing = v.strictObject({ viewer: v.string(), at: EpochMs });
export type Viewing = v.InferOutput<typeof Viewing>;

export const OpenRequest = v.strictObject({
  operation: v.literal('open'),
  id: RequestId,
  command: CommandId,
  session: SessionId,
  principal: Principal,
  target: v.string(),
  environment: v.string(),
  /** See core/approval/binding: what the grant will be bound to. */
  binding: Sha256Hex,
  asks: v.pipe(v.array(Ask), v.minLength(1), v.readonly()),
  facts: Facts,
  /** What a card may show: masked, and whether anything was hidden. */
  shown: v.strictObject({
    text: v.string(),
    parameters: v.pipe(v.array(v.string()), v.readonly()),
    complete: v.boolean(),
  }),
  /** The statement as it will run, parameters appended; sealed at once under a key of the request's own. */
  statement: v.pipe(v.string(), v.maxLength(HELD_STATEMENT_MAX)),
  /** True where the session has a transaction open: locks are held while people think. */
  inTransaction: v.boolean(),
});
export type OpenRequest = v.InferOutput<typeof OpenRequest>;

/** "I am still here": without it for `LEASE_SECONDS` the request is withdrawn. */
export const RenewLease = v.strictObject({
  operation: v.literal('renew'),
  ids: v.pipe(v.array(RequestId), v.maxLength(100), v.readonly()),
});

export const WithdrawRequest = v.strictObject({
  operation: v.literal('withdraw'),
  id: RequestId,
  reason: v.string(),
});

/** Spends an approved request, before the frame is forwarded. Succeeds at most once. */
export const ConsumeGrant = v.strictObject({
  operation: v.literal('consume'),
  id: RequestId,
  session: SessionId,
  command: CommandId,
  binding: Sha256Hex,
});

/** Says how the one execution ended: what the card shows in the end. */
export const ReportOutcome = v.strictObject({
  operation: v.literal('outcome'),
  id: RequestId,
  outcome: v.picklist(['succeeded', 'failed', 'unknown']),
  detail: v.string(),
});

export const ApprovalsRequest = v.variant('operation', [
  OpenRequest,
  RenewLease,
  WithdrawRequest,
  ConsumeGrant,
  ReportOutcome,
]);
export type ApprovalsRequest = v.InferOutput<typeof ApprovalsRequest>;

export const LEASE_SECONDS = 45;
export const LEASE_RENEW_SECONDS = 15;

/** What the waiting proxy, the page and the command line read of a request. Never holds the statement. */
export const RequestView = v.strictObject({
  id: RequestId,
  status: RequestStatus,
  command: CommandId,
  session: SessionId,
  requester: v.string(),
  target: v.string(),
  environment: v.string(),
  asks: v.pipe(v.array(Ask), v.readonly()),
  shown: v.strictObject({
    text: v.string(),
    parameters: v.pipe(v.array(v.string()), v.readonly()),
    complete: v.boolean(),
  }),
  facts: Facts,
  inTransaction: v.boolean(),
  votes: v.pipe(v.array(Vote), v.readonly()),
  viewings: v.pipe(v.array(Viewing), v.readonly()),
  requestedAt: EpochMs,
  /** While it waits: until when it may be answered. Once approved: until when it may be consumed. */
  expiresAt: EpochMs,
  /** When it reached `approved`, `denied` or another end; null while it is open. */
  decidedAt: v.nullable(EpochMs),
  /** Why it ended, for the reader; '' while it is open. */
  ending: v.string(),
  outcome: v.nullable(v.picklist(['succeeded', 'failed', 'unknown'])),
});
export type RequestView = v.InferOutput<typeof RequestView>;

/** Why an operation or a vote was refused. */
export const RefusalReason = v.picklist([
  'unknown-request',
  'already-answered',
  'already-consumed',
  'expired',
  'withdrawn',
  'denied',
  'revoked',
  'not-approved',
  'different-statement',
  'different-session',
  'self-approval',
  'not-an-approver',
  'already-voted',
  'not-fully-shown',
  'needs-step-up',
  'reason-missing',
  'too-large',
]);
export type RefusalReason = v.InferOutput<typeof RefusalReason>;

/** The answer to every operation. `refused` is an expected outcome, with the reason in words. */
export const ApprovalsResponse = v.variant('result', [
  v.strictObject({ result: v.literal('done'), request: v.nullable(RequestView) }),
  v.strictObject({
    result: v.literal('refused'),
    reason: RefusalReason,
    message: v.string(),
  }),
]);
export type ApprovalsResponse = v.InferOutput<typeof ApprovalsResponse>;
