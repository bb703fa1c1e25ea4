/** Every way the gate says no, in words for the caller: what was refused, why, and what to do. */

import type { RequestId } from '../../core/brand.ts';
import type { Ask, Deny } from '../../core/decision.ts';
import { GatewayError } from '../../core/errors.ts';
import type { RefusalReason, RequestView } from '../../core/wire/approvals.ts';
import type { Refusal } from '../services.ts';

const base = { hint: '', policies: [], request: null } as const;

export function denied(decision: Deny): Refusal {
  return { ...base, kind: 'denied', message: decision.message, policies: decision.policies };
}

export const NO_DECISION: Refusal = {
  ...base,
  kind: 'unavailable',
  message: 'Refused: the policy service gave no answer, so nothing was run',
  hint: 'Try again; if it goes on, tell the operators of the gateway',
};

export const NO_APPROVALS: Refusal = {
  ...base,
  kind: 'unavailable',
  message: 'Refused: this needs an approval, and the approval service cannot be reached',
  hint: 'Nothing was run. Try again; if it goes on, tell the operators of the gateway',
};

export const NO_CONTROL: Refusal = {
  ...base,
  kind: 'unavailable',
  message: 'Refused: the gateway cannot learn what has been revoked, so it lets nothing through',
  hint: 'Try again in a minute; if it goes on, tell the operators of the gateway',
};

export const NOT_RECORDED: Refusal = {
  ...base,
  kind: 'recording-failed',
  message: 'Refused: the command cannot be recorded, so it was not run',
  hint: 'Tell the operators of the gateway; connect again once recording works',
};

export const REVOKED: Refusal = {
  ...base,
  kind: 'revoked',
  message: 'Refused: your access was revoked',
  hint: 'Ask whoever runs the gateway',
};

export const TOKEN_EXPIRED: Refusal = {
  ...base,
  kind: 'revoked',
  message: 'Refused: the token of this session has expired',
  hint: 'Connect again with a new one',
};

export const BROKEN: Refusal = {
  ...base,
  kind: 'unavailable',
  message: 'Refused: the gateway failed while judging this, so nothing was run',
  hint: 'Tell the operators of the gateway',
};

export const CANCELLED: Refusal = {
  ...base,
  kind: 'approval-withdrawn',
  message: 'Cancelled before it ran',
};

export const CONNECT_HELD: Refusal = {
  ...base,
  kind: 'denied',
  message: 'Refused: policy asks for an approval of the connection itself, which is not supported',
  hint: 'Put @approval on policies about commands instead',
};

export function tooLong(length: number, limit: number): Refusal {
  return {
    ...base,
    kind: 'denied',
    message: `Refused: this needs an approval, and a statement of ${length} characters is too long to be shown`,
    hint: `Split it: at most ${limit} characters, parameters included, can be held`,
  };
}

export function changedMeanwhile(view: RequestView): Refusal {
  return {
    ...base,
    kind: 'denied',
    message: 'Refused: the policies changed while this waited, so the approval no longer covers it',
    hint: 'Run it again to ask anew',
    request: view.id,
  };
}

/** How an answered request reads to whoever asked. */
export function unapproved(view: RequestView): Refusal {
  const because = view.ending === '' ? '' : `: ${view.ending}`;
  const common = { ...base, policies: view.asks.map((ask) => ask.policy), request: view.id };
  switch (view.status) {
    case 'denied': {
      const no = view.votes.find((vote) => vote.answer === 'deny');
      const who = no === undefined ? '' : ` by ${no.voter}`;
      const why = no === undefined || no.reason === '' ? because : `: ${no.reason}`;
      return { ...common, kind: 'approval-denied', message: `Denied${who}${why}` };
    }
    case 'expired':
      return {
        ...common,
        kind: 'approval-expired',
        message: 'Nobody answered in time, so nothing was run',
        hint: 'Run it again to ask anew',
      };
    case 'revoked':
      return { ...common, kind: 'revoked', message: `The approval was revoked${because}` };
    case 'withdrawn':
    case 'requested':
    case 'partly-approved':
    case 'approved':
    case 'consumed':
      return {
        ...common,
        kind: 'approval-withdrawn',
        message: `The request was withdrawn${because}`,
        hint: 'Nothing was run',
      };
  }
}

const KINDS: Partial<Record<RefusalReason, Refusal['kind']>> = {
  expired: 'approval-expired',
  withdrawn: 'approval-withdrawn',
  revoked: 'revoked',
  'too-large': 'denied',
};

/** functions/approvals would not open the request, or would not have the grant spent. */
export function refusedByApprovals(
  { reason, message }: { readonly reason: RefusalReason; readonly message: string },
  request: RequestId | null,
): Refusal {
  const kind = KINDS[reason] ?? 'approval-denied';
  return { ...base, kind, message: `Refused: ${message}`, hint: 'Nothing was run', request };
}

/** Something failed on the way: in which words depends on what. */
export function refusalFor(error: unknown): Refusal {
  if (!(error instanceof GatewayError)) return BROKEN;
  if (error.code === 'ERR_DECIDE_UNAVAILABLE') return NO_DECISION;
  if (error.code === 'ERR_APPROVALS_UNAVAILABLE') return NO_APPROVALS;
  return error.code === 'ERR_RECORDING_FAILED' ? NOT_RECORDED : BROKEN;
}

/** For the notice: whom it waits for. One sentence for every ask, since all must be satisfied. */
export function waitingFor(asks: readonly Ask[], view: RequestView): string {
  const whom = asks.map(({ quorum, approvers }) => `${quorum} of group ${approvers.join(' or ')}`);
  const so = view.votes.map(
    ({ voter, answer }) => `${answer === 'approve' ? 'Approved' : 'Denied'} by ${voter}. `,
  );
  return `${so.join('')}Waiting for ${[...new Set(whom)].join(' and ')} to approve (request ${view.id}); cancel to withdraw`;
}
