/** Approval requests for tests: one ordinary question, and what a case changes of it. */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { ApprovalRequest } from '../../core/approval/request.ts';
import { CommandId, EpochMs, RequestId, SessionId, Sha256Hex } from '../../core/brand.ts';
import type { Ask } from '../../core/decision.ts';
import type { OpenRequest } from '../../core/wire/approvals.ts';

export const at = (ms: number): EpochMs => v.parse(EpochMs, ms);
export const sha256 = (bytes: Uint8Array): Sha256Hex =>
  v.parse(Sha256Hex, createHash('sha256').update(bytes).digest('hex'));

export const NOW = at(1_700_000_000_000);
export const SESSION = v.parse(SessionId, 'ses_01HZZZZZZZZZZZZZZZZZZZZZZZ');
export const COMMAND = v.parse(CommandId, `${SESSION}.7`);
export const REQUEST = v.parse(RequestId, 'apr_01HZZZZZZZZZZZZZZZZZZZZZZY');
export const BINDING = sha256(new Uint8Array([1]));
export const OTHER_BINDING = sha256(new Uint8Array([2]));

let minted = 0;
/** A fresh request id, for stores that are shared by the cases of a file. */
export function nextRequestId(): RequestId {
  minted += 1;
  return v.parse(RequestId, `apr_01HZ${String(minted).padStart(22, '0')}`);
}

export const ASK: Ask = {
  policy: 'hold-bounded-delete',
  message: 'Deleting rows of orders needs a dba',
  approvers: ['dba'],
  quorum: 1,
  expiresSeconds: 600,
  assurance: 'slack',
};

export const OPEN: OpenRequest = {
  operation: 'open',
  id: REQUEST,
  command: COMMAND,
  session: SESSION,
  principal: {
    subject: 'alice',
    email: 'alice@example.com',
    kind: 'human',
    groups: ['engineering'],
    actor: null,
    assurance: '',
  },
  target: 'orders',
  environment: 'demo',
  binding: BINDING,
  asks: [ASK],
  facts: {
    tag: 'DELETE',
    accesses: [
      { verb: 'delete', kind: 'relation', name: 'public.orders', columns: null, bounded: true },
    ],
    opaque: null,
    unknown: [],
    predicates: [],
  },
  shown: { text: 'delete from orders where id = 7', parameters: [], complete: true },
  statement: 'delete from orders where id = 7',
  inTransaction: false,
};

export const REQUESTED: ApprovalRequest = {
  id: REQUEST,
  command: COMMAND,
  session: SESSION,
  target: 'orders',
  environment: 'demo',
  binding: BINDING,
  asks: [ASK],
  facts: OPEN.facts,
  shown: OPEN.shown,
  inTransaction: false,
  requester: { subject: 'alice', email: 'alice@example.com', kind: 'human', actor: null },
  requestedAt: NOW,
  status: 'requested',
  votes: [],
  viewings: [],
  expiresAt: at(NOW + 600_000),
  leaseUntil: at(NOW + 45_000),
  decidedAt: null,
  ending: '',
  outcome: null,
  revision: 1,
};
