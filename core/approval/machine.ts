/**
 * The life of an approval request, as one pure function. Production, the property tests and a model
 * check all call this one `step`; the store only makes its result durable.
 *
 *   requested → partly-approved → approved → consumed
 *        any of the first three → denied | expired | withdrawn | revoked
 *
 * The clock comes first: a request whose time is up ends before the event is looked at, so an answer
 * that arrives late finds it ended, whoever wins the race to write that down.
 */
import type { CommandId, EpochMs, SessionId, Sha256Hex } from '../brand.ts';
import { assertNever } from '../errors.ts';
import {
  LEASE_SECONDS,
  type OpenRequest,
  type RefusalReason,
  type RequestStatus,
  type Vote,
} from '../wire/approvals.ts';
import { asksFor, ineligible, isSatisfied, type Voter } from './eligibility.ts';
import {
  type ApprovalRequest,
  isOpen,
  isTerminal,
  type Question,
  type Standing,
} from './request.ts';
import { boundShown, cardShowsAll } from './showing.ts';

/** How long an approved command may wait to be run: the client is there and polls several times a second. */
export const GRANT_SECONDS = 60;
/** Longest reason of a vote, a withdrawal or a revocation, UTF-16 units; Slack's own input takes 3,000. */
export const REASON_MAX = 1_000;
/** Most viewings kept of one request: it bounds the item. */
export const VIEWINGS_MAX = 50;

export type ApprovalEvent =
  | ({ readonly kind: 'vote'; readonly voter: Voter } & Pick<Vote, 'answer' | 'reason' | 'via'>)
  /** An approver asks for the sealed statement. */
  | { readonly kind: 'view'; readonly viewer: Voter }
  | { readonly kind: 'renew' }
  | { readonly kind: 'withdraw'; readonly reason: string }
  | {
      readonly kind: 'consume';
      readonly session: SessionId;
      readonly command: CommandId;
      readonly binding: Sha256Hex;
    }
  | { readonly kind: 'outcome'; readonly outcome: NonNullable<Standing['outcome']> }
  | { readonly kind: 'revoke'; readonly by: string; readonly reason: string }
  /** Nothing but the time: what the workflow's timeout and every reader may send. */
  | { readonly kind: 'tick' };

export interface Refused {
  readonly reason: RefusalReason;
  readonly message: string;
}

/** `request` is to be stored where its revision rose, refused or not. */
export interface Step {
  readonly request: ApprovalRequest;
  readonly refused: Refused | null;
}

/** The request that an `open` asks for. It expires with the shortest of its asks. */
export function opened(open: OpenRequest, now: EpochMs): ApprovalRequest {
  const { subject, email, kind, actor } = open.principal;
  const seconds = Math.min(...open.asks.map((ask) => ask.expiresSeconds));
  return {
    ...pickQuestion(open),
    requester: { subject, email, kind, actor },
    shown: boundShown(open.shown),
    requestedAt: now,
    status: 'requested',
    votes: [],
    viewings: [],
    expiresAt: later(now, seconds),
    leaseUntil: later(now, LEASE_SECONDS),
    decidedAt: null,
    ending: '',
    outcome: null,
    revision: 1,
  };
}

function pickQuestion(open: OpenRequest): Omit<Question, 'requester' | 'requestedAt'> {
  const { id, command, session, target, environment, binding, asks, facts, shown } = open;
  const { inTransaction } = open;
  return { id, command, session, target, environment, binding, asks, facts, shown, inTransaction };
}

export function step(before: ApprovalRequest, event: ApprovalEvent, now: EpochMs): Step {
  const request = byClock(before, now);
  switch (event.kind) {
    case 'vote':
      return vote(request, event, now);
    case 'view':
      return view(request, event.viewer, now);
    case 'renew':
      return isTerminal(request.status)
        ? ended(request)
        : done(request, { leaseUntil: later(now, LEASE_SECONDS) });
    case 'withdraw':
      return finish(request, 'withdrawn', event.reason, now);
    case 'consume':
      return consume(request, event);
    case 'outcome':
      return outcome(request, event.outcome);
    case 'revoke':
      return finish(request, 'revoked', `Revoked by ${event.by}: ${event.reason}`, now);
    case 'tick':
      return { request, refused: null };
    default:
      return assertNever(event);
  }
}

/** What has become of a request by now, whether or not somebody has written it down. */
export function byClock(request: ApprovalRequest, now: EpochMs): ApprovalRequest {
  if (isTerminal(request.status)) return request;
  const { expiresAt, leaseUntil } = request;
  if (now < expiresAt && now < leaseUntil) return request;
  if (leaseUntil < expiresAt) {
    const ending = 'The requester is no longer connected';
    return end(request, 'withdrawn', ending, leaseUntil);
  }
  const ending =
    request.status === 'approved'
      ? 'It was approved, but not run in time'
      : 'Nobody answered in time';
  return end(request, 'expired', ending, expiresAt);
}

function vote(
  request: ApprovalRequest,
  event: Extract<ApprovalEvent, { kind: 'vote' }>,
  now: EpochMs,
): Step {
  const { voter, answer, reason, via } = event;
  if (!isOpen(request.status)) return ended(request);
  const barred = ineligible(request, voter) ?? notNow(request, event);
  if (barred !== null) return { request, refused: barred };
  // Only the groups that made the vote count are kept: they are the evidence.
  const asked = new Set(asksFor(request, voter.groups).flatMap((ask) => ask.approvers));
  const groups = voter.groups.filter((group) => asked.has(group));
  const cast: Vote = { voter: voter.subject, answer, reason, via, at: now, groups };
  const votes = [...request.votes, cast];
  if (answer === 'deny') {
    const denied = end(request, 'denied', `Denied by ${voter.subject}: ${reason}`, now);
    return { request: { ...denied, votes }, refused: null };
  }
  if (!isSatisfied(request, votes)) return done(request, { votes, status: 'partly-approved' });
  const expiresAt = later(now, GRANT_SECONDS);
  return done(request, { votes, status: 'approved', decidedAt: now, expiresAt });
}

/** Why an eligible voter's vote does not count as cast. */
function notNow(
  request: ApprovalRequest,
  event: Extract<ApprovalEvent, { kind: 'vote' }>,
): Refused | null {
  const { voter, answer, reason, via } = event;
  if (request.votes.some((cast) => cast.voter === voter.subject)) {
    return { reason: 'already-voted', message: `${voter.subject} has voted on this already` };
  }
  if (reason.length > REASON_MAX) {
    const message = `The reason has ${reason.length} characters; at most ${REASON_MAX} are kept`;
    return { reason: 'too-large', message };
  }
  if (answer === 'deny') {
    const missing = reason.trim() === '';
    const message = 'Say why: the requester is told the reason';
    return missing ? { reason: 'reason-missing', message } : null;
  }
  if (!wasShown(request, voter, via)) {
    const message =
      'Part of this statement was cut or masked: read it whole on the approval page first';
    return { reason: 'not-fully-shown', message };
  }
  const stepUp = asksFor(request, voter.groups).some((ask) => ask.assurance === 'idp');
  if (stepUp && via === 'slack') {
    const message = 'This policy wants a fresh sign-in: answer on the approval page';
    return { reason: 'needs-step-up', message };
  }
  return null;
}

/** What a voter was not shown, they cannot approve: from a card all of it, elsewhere all of it or the seal. */
function wasShown(request: ApprovalRequest, voter: Voter, via: Vote['via']): boolean {
  if (via === 'slack') return cardShowsAll(request.shown);
  return request.shown.complete || request.viewings.some((seen) => seen.viewer === voter.subject);
}

function view(request: ApprovalRequest, viewer: Voter, now: EpochMs): Step {
  if (isTerminal(request.status)) return ended(request);
  const barred = ineligible(request, viewer);
  if (barred !== null) return { request, refused: barred };
  if (request.viewings.length >= VIEWINGS_MAX) {
    const message = `This statement was viewed ${VIEWINGS_MAX} times already`;
    return { request, refused: { reason: 'too-large', message } };
  }
  return done(request, { viewings: [...request.viewings, { viewer: viewer.subject, at: now }] });
}

function consume(
  request: ApprovalRequest,
  event: Extract<ApprovalEvent, { kind: 'consume' }>,
): Step {
  if (isTerminal(request.status)) return ended(request);
  if (request.status !== 'approved') {
    const message = 'This request has not been approved';
    return { request, refused: { reason: 'not-approved', message } };
  }
  if (event.session !== request.session) {
    const message = 'The grant belongs to another session';
    return { request, refused: { reason: 'different-session', message } };
  }
  if (event.binding !== request.binding || event.command !== request.command) {
    const message = 'What would run now is not what was approved';
    return { request, refused: { reason: 'different-statement', message } };
  }
  return done(request, { status: 'consumed', ending: 'Approved and run' });
}

/** The first report stands; only `unknown` gives way, to the truth that arrives late. */
function outcome(request: ApprovalRequest, reported: NonNullable<Standing['outcome']>): Step {
  if (request.status !== 'consumed') {
    const message = 'Nothing has run on this request';
    return { request, refused: { reason: 'not-approved', message } };
  }
  if (request.outcome !== null && request.outcome !== 'unknown') {
    const message = `The outcome is known: ${request.outcome}`;
    return { request, refused: { reason: 'already-answered', message } };
  }
  return done(request, { outcome: reported });
}

function finish(
  request: ApprovalRequest,
  status: 'withdrawn' | 'revoked',
  ending: string,
  now: EpochMs,
): Step {
  if (isTerminal(request.status)) return ended(request);
  return { request: end(request, status, ending.slice(0, REASON_MAX), now), refused: null };
}

function end(
  request: ApprovalRequest,
  status: RequestStatus,
  ending: string,
  when: EpochMs,
): ApprovalRequest {
  const decidedAt = request.decidedAt ?? when;
  return { ...request, status, ending, decidedAt, revision: request.revision + 1 };
}

/** Raised by one for the write, however many changes the step made: the clock's and the event's. */
function done(request: ApprovalRequest, change: Partial<Standing>): Step {
  return { request: { ...request, ...change, revision: request.revision + 1 }, refused: null };
}

const ENDED: Record<RequestStatus, RefusalReason> = {
  requested: 'not-approved',
  'partly-approved': 'not-approved',
  approved: 'already-answered',
  consumed: 'already-consumed',
  denied: 'denied',
  expired: 'expired',
  withdrawn: 'withdrawn',
  revoked: 'revoked',
};

/** Too late: says what became of it. */
function ended(request: ApprovalRequest): Step {
  const message =
    request.status === 'approved'
      ? 'This request is approved already'
      : `This request is ${request.status}${request.ending === '' ? '' : `: ${request.ending}`}`;
  return { request, refused: { reason: ENDED[request.status], message } };
}

function later(now: EpochMs, seconds: number): EpochMs {
  return (now + seconds * 1000) as EpochMs;
}
