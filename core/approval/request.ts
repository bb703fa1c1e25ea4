/** An approval request as the machine knows it: the question, which never changes, and how it stands. */
import * as v from 'valibot';
import { EpochMs } from '../brand.ts';
import { Principal } from '../principal.ts';
import { OpenRequest, RequestStatus, RequestView, Viewing, Vote } from '../wire/approvals.ts';

/** What was asked. Written once, when the request is opened. */
export const Question = v.strictObject({
  ...v.pick(OpenRequest, ['id', 'command', 'session', 'target', 'environment', 'binding']).entries,
  ...v.pick(OpenRequest, ['asks', 'facts', 'shown', 'inTransaction']).entries,
  /** Who asks: their subject, their address and whom they act for all count as themselves. */
  requester: v.pick(Principal, ['subject', 'email', 'kind', 'actor']),
  requestedAt: EpochMs,
});
export type Question = v.InferOutput<typeof Question>;

/** How it stands. Each change raises `revision` by one, and every write demands the one it read. */
export const Standing = v.strictObject({
  status: RequestStatus,
  votes: v.pipe(v.array(Vote), v.readonly()),
  viewings: v.pipe(v.array(Viewing), v.readonly()),
  expiresAt: EpochMs,
  /** The waiting proxy was there until now. Past it, the request counts as withdrawn. */
  leaseUntil: EpochMs,
  decidedAt: v.nullable(EpochMs),
  ending: v.string(),
  outcome: RequestView.entries.outcome,
  revision: v.pipe(v.number(), v.integer(), v.minValue(1)),
});
export type Standing = v.InferOutput<typeof Standing>;

export type ApprovalRequest = Question & Standing;

const TERMINAL: ReadonlySet<RequestStatus> = new Set([
  'consumed',
  'denied',
  'expired',
  'withdrawn',
  'revoked',
]);

/** True where nothing can change the answer any more. */
export function isTerminal(status: RequestStatus): boolean {
  return TERMINAL.has(status);
}

/** True where votes may still count. */
export function isOpen(status: RequestStatus): boolean {
  return status === 'requested' || status === 'partly-approved';
}

/** What others may read of it. The binding and the lease are the machine's own business. */
export function viewOfRequest(request: ApprovalRequest): RequestView {
  const {
    requester,
    binding: _binding,
    leaseUntil: _lease,
    revision: _revision,
    ...rest
  } = request;
  return { ...rest, requester: requester.subject };
}

/** Equal exactly where two cards of one request look the same. */
export function faceOf(request: Pick<RequestView, 'status' | 'votes' | 'outcome'>): string {
  return `${request.status}.${request.votes.length}.${request.outcome ?? '-'}`;
}
