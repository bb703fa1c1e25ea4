/** One human's answer, whichever door it came through, and the sight of what is to be answered. */
import type { RequestId } from '../../core/brand.ts';
import type { ApprovalsResponse, Vote } from '../../core/wire/approvals.ts';
import { advance } from './advance.ts';
import type { ApprovalsDeps } from './deps.ts';
import { openStatement } from './seal.ts';

export interface Ballot {
  readonly id: RequestId;
  /** The voter, verified by the door: a linked Slack user, a token, a signed-in page. */
  readonly subject: string;
  readonly answer: Vote['answer'];
  /** Required for a denial. */
  readonly reason: string;
  readonly via: Vote['via'];
}

/** Groups are looked up now: whoever left the group a minute ago has no vote. */
export async function vote(deps: ApprovalsDeps, ballot: Ballot): Promise<ApprovalsResponse> {
  const { id, subject, answer, reason, via } = ballot;
  const voter = await deps.directory.find(subject);
  if (voter === null) return unknownPerson(subject);
  const answered = await advance(deps, id, { kind: 'vote', voter, answer, reason, via });
  const outcome = answered.result === 'refused' ? answered.reason : 'counted';
  deps.log.info('approvals.vote', { id, voter: subject, answer, via, outcome });
  return answered;
}

export type Viewed =
  | { readonly result: 'shown'; readonly statement: string }
  | Extract<ApprovalsResponse, { result: 'refused' }>;

/** Opens the seal for an eligible approver. The viewing is stored first: nobody sees it unrecorded. */
export async function viewStatement(
  deps: ApprovalsDeps,
  id: RequestId,
  subject: string,
): Promise<Viewed> {
  const viewer = await deps.directory.find(subject);
  if (viewer === null) return unknownPerson(subject);
  const answered = await advance(deps, id, { kind: 'view', viewer });
  if (answered.result === 'refused') return answered;
  const sealed = await deps.store.sealed(id);
  deps.log.info('approvals.statement-viewed', { id, viewer: subject });
  if (sealed === null) {
    const message = 'The request ended meanwhile, and its statement is gone';
    return { result: 'refused', reason: 'already-answered', message };
  }
  return { result: 'shown', statement: await openStatement(deps.keyring, id, sealed) };
}

function unknownPerson(subject: string): Extract<ApprovalsResponse, { result: 'refused' }> {
  const message = `${subject} is not in the directory`;
  return { result: 'refused', reason: 'not-an-approver', message };
}
