/**
 * Judge, hold, record the intent, mint the permit: in that order, and there is no other way to a target.
 * Every failure on the way is a refusal; it never rejects, and it never lets through what it doubts.
 */
import type { Sha256 } from '../../core/approval/binding.ts';
import type { CommandId, RequestId } from '../../core/brand.ts';
import type { Command } from '../../core/command.ts';
import type { Decision } from '../../core/decision.ts';
import { assertNever, GatewayError } from '../../core/errors.ts';
import type { Ids } from '../../core/ids.ts';
import { mintPermit } from '../../core/permit.ts';
import type { Outcome } from '../../core/recording/event.ts';
import type { Session } from '../../core/session.ts';
import type { RequestView } from '../../core/wire/approvals.ts';
import type {
  Admission,
  AdmitHooks,
  Clock,
  CommandRecord,
  Gate,
  Log,
  Recorder,
  Refusal,
} from '../services.ts';
import type { Approvals } from './approvals_client.ts';
import { approvalPart, commandRecord } from './command_record.ts';
import type { PolicyState } from './control.ts';
import type { Decide } from './decide_client.ts';
import { failureOf } from './failure.ts';
import { type Holder, makeHolder, type Question } from './hold.ts';
import { type Judge, makeJudge } from './judge.ts';
import * as refusals from './refusals.ts';
import type { WaitTiming } from './waiting_room.ts';

export interface GateDeps {
  /** As makeDecideClient gives it: with a deadline, and its answers read. */
  readonly decide: Decide;
  readonly approvals: Approvals;
  readonly recorder: Pick<Recorder, 'append'>;
  readonly clock: Clock;
  readonly sha256: Sha256;
  /** Mints the ids of approval requests. */
  readonly ids: Pick<Ids, 'request'>;
  readonly log: Log;
  /** As makeControl gives it. */
  readonly policyState: PolicyState;
  /** How held commands wait; the defaults are WAIT_TIMING. */
  readonly waiting?: Partial<WaitTiming>;
}

export interface RunningGate extends Gate {
  /** To be called when the policies changed, or may have. */
  readonly forget: () => void;
  /** Resolves when functions/approvals has heard of every outcome and withdrawal: before a process ends. */
  readonly settled: () => Promise<void>;
}

type Lifted = Exclude<Decision, { kind: 'deny' }>;
type Refused = Extract<Admission, { kind: 'refused' }>;

/** What the parts of the gate share. */
interface Inner extends GateDeps {
  readonly judge: Judge;
  readonly holder: Holder;
  /** Permitted commands whose answer is not complete yet. */
  readonly running: Map<CommandId, Running>;
  readonly barred: (session: Session) => Refusal | null;
  readonly stopped: (session: Session, signal: AbortSignal) => Refusal | null;
}

interface Running {
  readonly record: CommandRecord;
  readonly mode: 'async' | 'spool';
  readonly request: RequestId | null;
}

export function makeGate(deps: GateDeps): RunningGate {
  const { clock, policyState } = deps;
  const judge = makeJudge(deps);

  /** Of the session, whatever the command: null where it may go on. */
  const barred = (session: Session): Refusal | null => {
    if (policyState.lost()) return refusals.NO_CONTROL;
    if (policyState.isRevoked(session)) return refusals.REVOKED;
    return clock.now() >= session.expiresAt ? refusals.TOKEN_EXPIRED : null;
  };
  const stopped = (session: Session, signal: AbortSignal): Refusal | null =>
    barred(session) ?? (signal.aborted ? refusals.CANCELLED : null);

  const holder = makeHolder({ ...deps, anew: judge.anew, stopped });
  const gate: Inner = { ...deps, judge, holder, running: new Map(), barred, stopped };
  return {
    connect: (session) => connect(gate, session),
    admit: (session, command, hooks) => admit(gate, session, command, hooks),
    prepare: (session, command) => prepare(gate, session, command),
    refuse: async (session, command, refusal) => {
      const recorded = await refuse(gate, session, command, refusal);
      if (recorded.refusal === refusal) return;
      throw new GatewayError('ERR_RECORDING_FAILED', 'Cannot record a refused command');
    },
    settle: (session, command, outcome) => settle(gate, session, command, outcome),
    forget: judge.forget,
    settled: holder.settled,
  };
}

async function connect(gate: Inner, session: Session): ReturnType<Gate['connect']> {
  try {
    const bar = gate.barred(session);
    if (bar !== null) return { kind: 'refused', refusal: bar };
    const decision = await gate.judge.connect(session);
    switch (decision.kind) {
      case 'allow':
        return { kind: 'allowed' };
      case 'deny':
        return { kind: 'refused', refusal: refusals.denied(decision) };
      case 'hold':
        return { kind: 'refused', refusal: refusals.CONNECT_HELD };
      default:
        return assertNever(decision);
    }
  } catch (error) {
    // No answer is no.
    gate.log.error('gate.failed', { session: session.id, error: failureOf(error) });
    return { kind: 'refused', refusal: refusals.refusalFor(error) };
  }
}

async function admit(
  gate: Inner,
  session: Session,
  command: Command,
  hooks: AdmitHooks,
): Promise<Admission> {
  const { judge, stopped } = gate;
  let decision: Decision | null = null;
  try {
    const stop = stopped(session, hooks.signal);
    if (stop !== null) return await refuse(gate, session, command, stop);
    decision = judge.recall(session, command);
    if (decision === null) {
      decision = await untilAborted(judge.ask(session, command), hooks.signal);
      const late = stopped(session, hooks.signal);
      if (late !== null) return await refuse(gate, session, command, late, decision);
      if (decision === null) return await refuse(gate, session, command, refusals.CANCELLED);
    }
    switch (decision.kind) {
      case 'allow':
        return await permit(gate, session, command, decision, null);
      case 'deny':
        return await refuse(gate, session, command, refusals.denied(decision), decision);
      case 'hold':
        return await held(gate, { session, command, decision, hooks });
      default:
        return assertNever(decision);
    }
  } catch (error) {
    // Whatever failed, the command does not go on.
    gate.log.error('gate.failed', { command: command.id, error: failureOf(error) });
    return refuse(gate, session, command, refusals.refusalFor(error), decision);
  }
}

/** To be parsed and described: that runs nothing, so no intent. Its execution is judged again. */
async function prepare(gate: Inner, session: Session, command: Command): Promise<Admission> {
  const { judge, barred } = gate;
  try {
    const bar = barred(session);
    if (bar !== null) return await refuse(gate, session, command, bar);
    const decision = judge.recall(session, command) ?? (await judge.ask(session, command));
    if (decision.kind === 'deny') {
      return await refuse(gate, session, command, refusals.denied(decision), decision);
    }
    const { obligations } = decision;
    const minted = mintPermit(command.id, command.frame, obligations);
    return { kind: 'permitted', permit: minted, obligations };
  } catch (error) {
    // No answer is no.
    gate.log.error('gate.failed', { command: command.id, error: failureOf(error) });
    return refuse(gate, session, command, refusals.refusalFor(error));
  }
}

async function held(gate: Inner, question: Question): Promise<Admission> {
  const { session, command, decision, hooks } = question;
  const answer = await gate.holder.hold(question);
  if (answer.kind === 'refused') {
    return refuse(gate, session, command, answer.refusal, decision, answer.view);
  }
  // The grant is spent: whatever stops it now stops it for good, and the card has to say so.
  const { view } = answer;
  const neverRan = (refusal: Refusal) => {
    gate.holder.neverRan(view.id, refusal.message);
    const named = { ...refusal, request: view.id };
    return refuse(gate, session, command, named, answer.decision, view);
  };
  const stop = gate.stopped(session, hooks.signal);
  if (stop !== null) return neverRan(stop);
  try {
    return await permit(gate, session, command, answer.decision, view);
  } catch (error) {
    // Not recorded, so not forwarded.
    gate.log.error('gate.failed', { command: command.id, error: failureOf(error) });
    return neverRan(refusals.refusalFor(error));
  }
}

/** The only place where a permit to run something is minted. Rejects where its intent cannot be recorded. */
async function permit(
  gate: Inner,
  session: Session,
  command: Command,
  decision: Lifted,
  view: RequestView | null,
): Promise<Admission> {
  const { obligations } = decision;
  const record = commandRecord(command, decision, '', view === null ? null : approvalPart(view));
  // What people had to answer for is kept as safely as can be: decision 5.
  const mode = view === null ? obligations.record : 'sync';
  await gate.recorder.append(session.id, { kind: 'command.intent', record }, mode);
  gate.running.set(command.id, {
    record,
    // Nothing waits for a result, so `sync` would add nothing.
    mode: mode === 'async' ? 'async' : 'spool',
    request: view?.id ?? null,
  });
  const minted = mintPermit(command.id, command.frame, obligations);
  return { kind: 'permitted', permit: minted, obligations };
}

async function refuse(
  gate: Inner,
  session: Session,
  command: Command,
  refusal: Refusal,
  decision: Decision | null = null,
  view: RequestView | null = null,
): Promise<Refused> {
  try {
    const approval = view === null ? null : approvalPart(view);
    const record = commandRecord(command, decision, refusal.message, approval);
    await gate.recorder.append(session.id, { kind: 'command.refused', record }, 'spool');
    return { kind: 'refused', refusal };
  } catch (error) {
    // Refused it stays; that it could not be recorded is what the caller must hear, and ends the session.
    gate.log.error('gate.refusal_unrecorded', { command: command.id, error: failureOf(error) });
    return { kind: 'refused', refusal: refusals.NOT_RECORDED };
  }
}

function settle(gate: Inner, session: Session, command: CommandId, outcome: Outcome): void {
  const ended = gate.running.get(command);
  if (ended === undefined) return;
  gate.running.delete(command);
  const { record, mode, request } = ended;
  const body = { kind: 'command.result', record, outcome } as const;
  gate.recorder.append(session.id, body, mode).catch((error: unknown) => {
    // The recorder refuses every later event of the session, and so the gate its commands.
    gate.log.error('gate.result_unrecorded', { command, error: failureOf(error) });
  });
  if (request !== null) gate.holder.report(request, outcome);
}

/** null where the signal comes first. The work goes on for whoever else waits for it. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const left = () => resolve(null);
    signal.addEventListener('abort', left, { once: true });
    const done = () => signal.removeEventListener('abort', left);
    work.then(resolve, reject).finally(done);
  });
}
