/**
 * Interleavings of everything that may happen to a request, against what must hold of any of them. Not a
 * second machine: the invariants look at the history of steps alone.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Voter } from '../../../core/approval/eligibility.ts';
import { type ApprovalEvent, byClock, step } from '../../../core/approval/machine.ts';
import { type ApprovalRequest, isTerminal } from '../../../core/approval/request.ts';
import {
  ASK,
  at,
  BINDING,
  NOW,
  OTHER_BINDING,
  REQUESTED,
} from '../../support/approval_requests.ts';

const person = (subject: string, groups: string[], kind: Voter['kind'] = 'human'): Voter => ({
  subject,
  email: `${subject}@example.com`,
  kind,
  groups,
});
const VOTERS = [
  person('alice', ['dba', 'security']),
  { ...person('alias', ['dba', 'security']), email: 'Alice@Example.com' },
  person('bob', ['dba']),
  person('carol', ['security']),
  person('erin', ['dba', 'security']),
  person('mallory', []),
  person('robot', ['dba'], 'machine'),
] as const;
const TWO_ASKS = [
  { ...ASK, quorum: 2 },
  { ...ASK, policy: 'hold-sensitive', approvers: ['security', 'audit'], quorum: 1 },
];

type At = { event: ApprovalEvent; after: number };
const { session, command } = REQUESTED;
const consume = (binding = BINDING, other = false): ApprovalEvent => ({
  kind: 'consume',
  session: other ? ('ses_01HZZZZZZZZZZZZZZZZZZZZZZX' as typeof session) : session,
  command,
  binding,
});
const event: fc.Arbitrary<ApprovalEvent> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('vote' as const),
      voter: fc.constantFrom(...VOTERS),
      answer: fc.constantFrom('approve', 'approve', 'approve', 'approve', 'deny'),
      reason: fc.constantFrom('', 'because'),
      via: fc.constantFrom('slack', 'page', 'cli'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...VOTERS).map((viewer) => ({ kind: 'view' as const, viewer })),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom<ApprovalEvent>(
      consume(),
      consume(OTHER_BINDING),
      consume(BINDING, true),
      { kind: 'renew' },
      { kind: 'renew' },
      { kind: 'tick' },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<ApprovalEvent>(
      { kind: 'withdraw', reason: 'Ctrl-C' },
      { kind: 'revoke', by: 'carol', reason: 'leak' },
      { kind: 'outcome', outcome: 'failed' },
    ),
  },
);
const life: fc.Arbitrary<At[]> = fc.array(
  fc.record({ event, after: fc.constantFrom(0, 0, 0, 1_000, 20_000, 50_000) }),
  { maxLength: 25 },
);

interface Taken {
  readonly before: ApprovalRequest;
  readonly event: ApprovalEvent;
  readonly after: ApprovalRequest;
  readonly refused: boolean;
  readonly now: number;
}
function live(start: ApprovalRequest, events: readonly At[]): Taken[] {
  let [request, now] = [start, NOW as number];
  return events.map(({ event: happening, after }) => {
    now += after;
    const before = request;
    const result = step(before, happening, at(now));
    request = result.request;
    return { before, event: happening, after: request, refused: result.refused !== null, now };
  });
}

const started = fc.constantFrom<ApprovalRequest>(
  REQUESTED,
  { ...REQUESTED, asks: TWO_ASKS },
  { ...REQUESTED, asks: TWO_ASKS, shown: { ...REQUESTED.shown, complete: false } },
);
const always = (name: string, holds: (steps: readonly Taken[]) => boolean) =>
  test(name, () => {
    fc.assert(
      fc.property(started, life, (start, events) => holds(live(start, events))),
      { numRuns: 1_500 },
    );
  });

describe('in every interleaving', () => {
  always('nothing runs twice, and only what was approved, by its own session', (steps) => {
    const runs = steps.filter((s) => s.event.kind === 'consume' && !s.refused);
    return (
      runs.length <= 1 &&
      runs.every(
        ({ event: e, before }) =>
          e.kind === 'consume' &&
          e.binding === BINDING &&
          e.session === session &&
          before.status === 'approved',
      )
    );
  });
  always('nothing is approved without each quorum of distinct, eligible humans', (steps) =>
    steps
      .filter((s) => s.after.status === 'approved' || s.after.status === 'consumed')
      .every(({ after }) =>
        after.asks.every((ask) => {
          const yes = after.votes
            .filter((vote) => vote.answer === 'approve')
            .map((vote) => vote.voter);
          const members = VOTERS.filter((v) => v.groups.some((g) => ask.approvers.includes(g)));
          const counted = members.filter((v) => v.kind === 'human' && yes.includes(v.subject));
          return (
            yes.length === new Set(yes).size &&
            counted.length >= ask.quorum &&
            counted.every((v) => v.subject !== 'alice' && v.subject !== 'alias')
          );
        }),
      ),
  );
  always('an end is final, and what a vote was is never rewritten', (steps) =>
    steps.every(
      ({ before, after }) =>
        (!isTerminal(before.status) || after.status === before.status) &&
        JSON.stringify(after.votes.slice(0, before.votes.length)) === JSON.stringify(before.votes),
    ),
  );
  always('nothing changes after its time, however late that is noticed', (steps) =>
    steps
      .filter((s) => !isTerminal(s.before.status))
      .filter((s) => s.now >= s.before.expiresAt || s.now >= s.before.leaseUntil)
      .every((s) => s.after.status === 'expired' || s.after.status === 'withdrawn'),
  );
  always('nobody approves what was neither shown nor read', (steps) =>
    steps
      .filter((s) => s.event.kind === 'vote' && s.event.answer === 'approve' && !s.refused)
      .every(
        ({ before, event: e }) =>
          e.kind === 'vote' &&
          (before.shown.complete ||
            (e.via !== 'slack' && before.viewings.some((seen) => seen.viewer === e.voter.subject))),
      ),
  );
  always('a change raises the revision, and a refusal by itself changes nothing', (steps) =>
    steps.every(({ before, after, refused, now }) => {
      const same = JSON.stringify(after) === JSON.stringify(before);
      const byTime = byClock(before, at(now)).revision !== before.revision;
      return same
        ? after.revision === before.revision
        : after.revision > before.revision && (!refused || byTime);
    }),
  );
  always('time alone ends everything', (steps) => {
    const last = steps.at(-1)?.after ?? REQUESTED;
    const status = step(last, { kind: 'tick' }, at(Math.max(last.expiresAt, last.leaseUntil) + 1))
      .request.status;
    return isTerminal(status);
  });
});

describe('one step', () => {
  const vote = (voter: Voter, change: object = {}) =>
    ({
      kind: 'vote',
      voter,
      answer: 'approve',
      reason: '',
      via: 'page',
      ...change,
    }) as ApprovalEvent;
  const erin = VOTERS[4];

  test('one human may satisfy several asks, each quorum counts distinct humans', () => {
    const first = step({ ...REQUESTED, asks: TWO_ASKS }, vote(erin), NOW).request;
    expect(first.status).toBe('partly-approved');
    expect(step(first, vote(VOTERS[2]), NOW).request.status).toBe('approved');
  });

  test('the person for whom an agent asks may not approve', () => {
    const requester = { subject: 'agent-1', email: null, kind: 'agent', actor: 'bob' } as const;
    expect(step({ ...REQUESTED, requester }, vote(VOTERS[2]), NOW).refused?.reason).toBe(
      'self-approval',
    );
  });

  test('an outcome that came late replaces only the unknown one', () => {
    const ran: ApprovalRequest = { ...REQUESTED, status: 'consumed', outcome: 'unknown' };
    const known = step(ran, { kind: 'outcome', outcome: 'succeeded' }, NOW).request;
    expect(known.outcome).toBe('succeeded');
    expect(step(known, { kind: 'outcome', outcome: 'failed' }, NOW).refused?.reason).toBe(
      'already-answered',
    );
  });

  test('keeps only the groups that made a vote count', () => {
    const bob = person('bob', ['dba', 'payroll']);
    expect(step(REQUESTED, vote(bob), NOW).request.votes[0]?.groups).toEqual(['dba']);
  });
});
