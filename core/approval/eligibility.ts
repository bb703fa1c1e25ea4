/** Who may answer a request, and when the answers suffice. Slack's groups and channels play no part. */
import type { Ask } from '../decision.ts';
import type { PrincipalKind } from '../principal.ts';
import type { RefusalReason, Vote } from '../wire/approvals.ts';
import type { ApprovalRequest, Question } from './request.ts';

/** A linked and looked-up person, as our own directory knows them at this moment. */
export interface Voter {
  readonly subject: string;
  readonly email: string | null;
  readonly kind: PrincipalKind;
  readonly groups: readonly string[];
}

export interface Ineligible {
  readonly reason: RefusalReason;
  readonly message: string;
}

/** Null where the voter may answer at least one of the asks. */
export function ineligible(question: Question, voter: Voter): Ineligible | null {
  if (isRequester(question, voter)) {
    return {
      reason: 'self-approval',
      message: 'You asked for this yourself: somebody else has to answer',
    };
  }
  const eligible = voter.kind === 'human' && asksFor(question, voter.groups).length > 0;
  if (eligible) return null;
  const groups = [...new Set(question.asks.flatMap((ask) => ask.approvers))].join(', ');
  return {
    reason: 'not-an-approver',
    message: `${voter.subject} may not answer this: it takes a person of ${groups}`,
  };
}

/**
 * One human behind two names is still the requester: the same subject, the same address in any case,
 * or the person for whom the requesting agent acts.
 */
export function isRequester(question: Question, voter: Voter): boolean {
  const { subject, email, actor } = question.requester;
  return voter.subject === subject || voter.subject === actor || sameAddress(voter.email, email);
}

function sameAddress(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a.toLowerCase() === b.toLowerCase();
}

/** The asks that a member of these groups may answer. */
export function asksFor(question: Question, groups: readonly string[]): readonly Ask[] {
  return question.asks.filter((ask) => ask.approvers.some((group) => groups.includes(group)));
}

/** Distinct humans who have approved this ask. One human's vote counts for every ask they may answer. */
export function approversOf(ask: Ask, votes: readonly Vote[]): readonly string[] {
  const counted = votes.filter(
    (vote) => vote.answer === 'approve' && ask.approvers.some((g) => vote.groups.includes(g)),
  );
  return [...new Set(counted.map((vote) => vote.voter))];
}

/** Every ask of the hold must have its quorum. */
export function isSatisfied(
  request: Pick<ApprovalRequest, 'asks'>,
  votes: readonly Vote[],
): boolean {
  return request.asks.every((ask) => approversOf(ask, votes).length >= ask.quorum);
}
