/**
 * A held command: opens its approval request, waits, and spends the grant. Whatever ends the wait other
 * than an approval that is still good at that moment is a refusal, and takes the request back.
 */
import type { Sha256 } from '../../core/approval/binding.ts';
import type { RequestId } from '../../core/brand.ts';
import type { Command } from '../../core/command.ts';
import type { Decision, Hold } from '../../core/decision.ts';
import { assertNever } from '../../core/errors.ts';
import type { Ids } from '../../core/ids.ts';
import type { Outcome } from '../../core/recording/event.ts';
import type { Session } from '../../core/session.ts';
import {
  type ApprovalsRequest,
  HELD_STATEMENT_MAX,
  type RequestView,
} from '../../core/wire/approvals.ts';
import type { AdmitHooks, Clock, Log, Recorder, Refusal } from '../services.ts';
import { makeSteps, type Steps } from './approval_steps.ts';
import type { Approvals } from './approvals_client.ts';
import { failureOf } from './failure.ts';
import { bindingOf, statementOf } from './held_statement.ts';
import * as refusals from './refusals.ts';
import { makeTeller, type Teller } from './teller.ts';
import { type Ending, makeWaitingRoom, type WaitingRoom, type WaitTiming } from './waiting_room.ts';

export type Held =
  /** The grant is spent: it runs now, or never. `decision` is that of this moment. */
  | { readonly kind: 'granted'; readonly view: RequestView; readonly decision: Hold }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly view: RequestView | null };

export interface HoldDeps {
  readonly approvals: Approvals;
  readonly recorder: Pick<Recorder, 'append'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly sha256: Sha256;
  readonly ids: Pick<Ids, 'request'>;
  /** Judges again, past the memory. */
  readonly anew: (session: Session, command: Command) => Promise<Decision>;
  /** Why the session or the caller's signal stops it now; null where they do not. */
  readonly stopped: (session: Session, signal: AbortSignal) => Refusal | null;
  readonly waiting?: Partial<WaitTiming>;
}

export interface Holder {
  /** Never rejects. */
  readonly hold: (question: Question) => Promise<Held>;
  /** Says how the one execution ended, for the card; the record has it in any case. */
  readonly report: (request: RequestId, outcome: Outcome) => void;
  /** The grant is spent, and yet nothing was forwarded. */
  readonly neverRan: (request: RequestId, why: string) => void;
  /** Resolves when all that was said to functions/approvals has been answered. */
  readonly settled: () => Promise<void>;
}

export interface Question {
  readonly session: Session;
  readonly command: Command;
  readonly decision: Hold;
  readonly hooks: AdmitHooks;
}

interface Waiting extends Question {
  readonly id: RequestId;
  readonly steps: Steps;
  /** Aborted when a step could not be recorded: the wait is over then. */
  readonly unrecorded: AbortSignal;
  /** What was seen of it last; null until it is opened. */
  view: RequestView | null;
}

export function makeHolder(deps: HoldDeps): Holder {
  const { approvals, clock, log } = deps;
  const timing = deps.waiting === undefined ? {} : { timing: deps.waiting };
  const room = makeWaitingRoom({ approvals, clock, log, ...timing });
  const { tell, settled } = makeTeller(approvals, log);
  return {
    hold: (question) => hold({ ...deps, room, tell }, question),
    report: (id, { status, sqlState }) => {
      const cancelled = status === 'cancelled';
      const outcome = cancelled ? 'failed' : status;
      tell({ operation: 'outcome', id, outcome, detail: cancelled ? 'cancelled' : sqlState });
    },
    neverRan: (id, why) => tell(notRun(id, why)),
    settled,
  };
}

function notRun(id: RequestId, why: string): ApprovalsRequest {
  return { operation: 'outcome', id, outcome: 'failed', detail: `It was not run: ${why}` };
}

interface Holding extends HoldDeps {
  readonly room: WaitingRoom;
  readonly tell: Teller['tell'];
}

async function hold(deps: Holding, question: Question): Promise<Held> {
  const { session, command } = question;
  const statement = statementOf(command);
  if (statement.length > HELD_STATEMENT_MAX) {
    return refused(refusals.tooLong(statement.length, HELD_STATEMENT_MAX));
  }
  const id = deps.ids.request();
  const unrecorded = new AbortController();
  const steps = makeSteps(
    (status, detail) => {
      const body = { kind: 'approval.step', request: id, status, detail } as const;
      return deps.recorder.append(session.id, body, 'spool');
    },
    () => unrecorded.abort(),
  );
  const waiting: Waiting = { ...question, id, steps, unrecorded: unrecorded.signal, view: null };
  try {
    const refusal = await open(deps, waiting, statement);
    return refusal === null ? await answered(deps, waiting) : refused(refusal);
  } catch (error) {
    // Whatever failed, it is refused; and whether the grant was spent by then is not known.
    deps.log.error('gate.hold_failed', { request: id, error: failureOf(error) });
    const refusal = { ...refusals.refusalFor(error), request: id };
    takeBack(deps, waiting, refusal, notRun(id, 'the gateway failed'));
    return refused(refusal, waiting.view);
  }
}

/** Waits for the answer, and for what follows from it. */
async function answered(deps: Holding, waiting: Waiting): Promise<Held> {
  const { id, decision, hooks, steps, unrecorded } = waiting;
  const tell = (view: RequestView) => hooks.notice(refusals.waitingFor(decision.asks, view));
  if (waiting.view !== null) tell(waiting.view);
  const ending = await deps.room.wait(id, {
    signal: AbortSignal.any([hooks.signal, unrecorded]),
    onProgress: (view) => {
      see(waiting, view);
      tell(view);
    },
  });
  if (ending.kind === 'answered') see(waiting, ending.view);
  // Whoever left ends their session in a moment: nothing that is to be recorded may wait then.
  if (!hooks.signal.aborted) await steps.recorded();
  const held = await conclude(deps, waiting, ending);
  if (held.kind === 'refused') takeBack(deps, waiting, held.refusal);
  return held;
}

function see(waiting: Waiting, view: RequestView): void {
  waiting.view = view;
  waiting.steps.see(view);
}

/** Nobody is to be asked about, or to grant, what has been refused. */
function takeBack(
  deps: Holding,
  waiting: Waiting,
  { message }: Refusal,
  ...more: readonly ApprovalsRequest[]
): void {
  const { id, view, steps } = waiting;
  if (view !== null && ENDED.has(view.status)) {
    if (more.length > 0) deps.tell(...more);
    return;
  }
  deps.tell({ operation: 'withdraw', id, reason: message }, ...more);
  if (view !== null) steps.see({ ...view, status: 'withdrawn', ending: message });
}

/** Where nothing has to be taken back. */
const ENDED: ReadonlySet<RequestView['status']> = new Set([
  'consumed',
  'denied',
  'expired',
  'withdrawn',
  'revoked',
]);

/** Resolves with a refusal where functions/approvals gives one. */
async function open(
  { approvals, sha256 }: HoldDeps,
  waiting: Waiting,
  statement: string,
): Promise<Refusal | null> {
  const { id, session, command, decision } = waiting;
  const { text, parameters, complete } = command.redacted;
  const answer = await approvals.call({
    operation: 'open',
    id,
    command: command.id,
    session: session.id,
    principal: session.principal,
    target: session.target.name,
    environment: session.target.environment,
    binding: bindingOf(sha256, session, command),
    asks: decision.asks,
    facts: command.facts,
    shown: { text, parameters, complete },
    statement,
    inTransaction: command.context.transaction !== 'idle',
  });
  if (answer.result === 'refused') return refusals.refusedByApprovals(answer, null);
  if (answer.request === null) return refusals.NO_APPROVALS;
  see(waiting, answer.request);
  return null;
}

async function conclude(deps: Holding, waiting: Waiting, ending: Ending): Promise<Held> {
  const { id: request, view } = waiting;
  switch (ending.kind) {
    case 'left':
      return refused({ ...refusals.CANCELLED, request }, view);
    case 'lost':
      return refused({ ...refusals.NO_APPROVALS, request }, view);
    case 'answered':
      return ending.view.status === 'approved'
        ? spend(deps, waiting, ending.view)
        : refused(refusals.unapproved(ending.view), ending.view);
    default:
      return assertNever(ending);
  }
}

/**
 * Policies, groups and revocations may have changed while people thought: judged again, then spent, at
 * most once. The lease, renewed within the last 15 s of the wait, outlasts both calls.
 */
async function spend(deps: HoldDeps, waiting: Waiting, view: RequestView): Promise<Held> {
  const { session, command, hooks } = waiting;
  const now = await deps.anew(session, command);
  if (now.kind === 'deny') return refused({ ...refusals.denied(now), request: view.id }, view);
  if (now.kind === 'hold' && !isCovered(now, waiting.decision)) {
    return refused(refusals.changedMeanwhile(view), view);
  }
  const stop = deps.stopped(session, hooks.signal);
  if (stop !== null) return refused({ ...stop, request: view.id }, view);
  const answer = await deps.approvals.call({
    operation: 'consume',
    id: view.id,
    session: session.id,
    command: command.id,
    binding: bindingOf(deps.sha256, session, command),
  });
  if (answer.result === 'refused') {
    return refused(refusals.refusedByApprovals(answer, view.id), view);
  }
  const spent: RequestView = answer.request ?? { ...view, status: 'consumed' };
  see(waiting, spent);
  // A hold that no policy asks for any more stays one in the record, under today's obligations.
  const decision = now.kind === 'hold' ? now : { ...waiting.decision, ...today(now) };
  return { kind: 'granted', view: spent, decision };
}

function today({ obligations, policyVersion }: Exclude<Decision, { kind: 'deny' }>) {
  return { obligations, policyVersion };
}

/** True where what was approved answers every ask of today. */
function isCovered(now: Hold, then: Hold): boolean {
  const asked = new Set(then.asks.map((ask) => JSON.stringify(ask)));
  return now.asks.every((ask) => asked.has(JSON.stringify(ask)));
}

function refused(
  refusal: Refusal,
  view: RequestView | null = null,
): Extract<Held, { kind: 'refused' }> {
  return { kind: 'refused', refusal, view };
}
