/**
 * A held command: opens its approval request, waits, and spends the grant. Whatever ends the wait other
 * than an approval that is still good at that moment is a refusal.
 */
import { bindingDigest, type Sha256 } from '../../core/approval/binding.ts';
import type { RequestId, Sha256Hex } from '../../core/brand.ts';
import type { Command, Parameter } from '../../core/command.ts';
import type { Decision, Hold } from '../../core/decision.ts';
import type { Ids } from '../../core/ids.ts';
import type { Session } from '../../core/session.ts';
import { HELD_STATEMENT_MAX, type RequestView } from '../../core/wire/approvals.ts';
import type { AdmitHooks, Clock, Log, Recorder, Refusal } from '../services.ts';
import type { Approvals } from './approvals_client.ts';
import {
  changedMeanwhile,
  denied,
  NO_APPROVALS,
  tooLong,
  unapproved,
  waitingFor,
} from './refusals.ts';
import { makeWaitingRoom } from './waiting_room.ts';

export type Held =
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
  readonly again: (session: Session, command: Command) => Promise<Decision>;
}

/** Rejects with ERR_APPROVALS_UNAVAILABLE, ERR_DECIDE_UNAVAILABLE or ERR_RECORDING_FAILED. */
export type HoldCommand = (
  session: Session,
  command: Command,
  decision: Hold,
  hooks: AdmitHooks,
) => Promise<Held>;

export function makeHold(deps: HoldDeps): HoldCommand {
  const { approvals, log } = deps;
  const room = makeWaitingRoom(deps);

  return async (session, command, decision, hooks) => {
    const statement = statementOf(command);
    if (statement.length > HELD_STATEMENT_MAX) {
      return refused(tooLong(statement.length, HELD_STATEMENT_MAX));
    }
    const binding = bind(deps.sha256, session, command);
    const opened = await open(deps, { session, command, decision, statement, binding });
    if (opened.kind === 'refused') return opened;
    const { view } = opened;
    await step(deps, session, view, 'requested', waitingFor(decision.asks, view));
    hooks.notice(waitingFor(decision.asks, view));
    const ending = await room.wait(view.id, {
      expiresAt: view.expiresAt,
      signal: hooks.signal,
      onProgress: (progress) => hooks.notice(waitingFor(decision.asks, progress)),
    });
    switch (ending.kind) {
      case 'left':
        return withdrawn(deps, session, view, 'the client cancelled or left');
      case 'lost':
        log.error('approvals.lost', { request: view.id });
        await withdrawn(deps, session, view, 'the gateway lost sight of the request');
        return refused(NO_APPROVALS, view);
      case 'answered':
        await step(deps, session, ending.view, ending.view.status, ending.view.ending);
        if (ending.view.status !== 'approved') return refused(unapproved(ending.view), ending.view);
        return spend(deps, { session, command, decision, view: ending.view, approvals });
    }
  };
}

interface Opening {
  readonly session: Session;
  readonly command: Command;
  readonly decision: Hold;
  readonly statement: string;
  readonly binding: Sha256Hex;
}

async function open(
  { approvals, ids }: HoldDeps,
  { session, command, decision, statement, binding }: Opening,
): Promise<{ kind: 'opened'; view: RequestView } | Extract<Held, { kind: 'refused' }>> {
  const { text, parameters, complete } = command.redacted;
  const answer = await approvals.call({
    operation: 'open',
    id: ids.request(),
    command: command.id,
    session: session.id,
    principal: session.principal,
    target: session.target.name,
    environment: session.target.environment,
    binding,
    asks: decision.asks,
    facts: command.facts,
    shown: { text, parameters, complete },
    statement,
    inTransaction: command.context.transaction !== 'idle',
  });
  if (answer.result === 'refused') return refused(refusalOf(answer.message, null));
  if (answer.request === null) return refused(NO_APPROVALS);
  return { kind: 'opened', view: answer.request };
}

interface Spending {
  readonly session: Session;
  readonly command: Command;
  readonly decision: Hold;
  readonly view: RequestView;
  readonly approvals: Approvals;
}

/** Policies and groups may have changed while people thought: judged again, then spent, at most once. */
async function spend(deps: HoldDeps, spending: Spending): Promise<Held> {
  const { session, command, decision, view, approvals } = spending;
  const now = await deps.again(session, command);
  if (now.kind === 'deny') return withdrawnFor(deps, spending, denied(now));
  if (!coveredBy(now, decision)) return withdrawnFor(deps, spending, changedMeanwhile(view));
  const answer = await approvals.call({
    operation: 'consume',
    id: view.id,
    session: session.id,
    command: command.id,
    binding: bind(deps.sha256, session, command),
  });
  if (answer.result === 'refused') return refused(refusalOf(answer.message, view.id), view);
  await step(deps, session, view, 'consumed', '');
  return { kind: 'granted', view: answer.request ?? view, decision };
}

/** What was approved answers every ask of today. */
function coveredBy(now: Decision, then: Hold): boolean {
  if (now.kind !== 'hold') return now.policyVersion === then.policyVersion;
  const asked = new Set(then.asks.map((ask) => JSON.stringify(ask)));
  return now.asks.every((ask) => asked.has(JSON.stringify(ask)));
}

async function withdrawnFor(deps: HoldDeps, spending: Spending, refusal: Refusal): Promise<Held> {
  const { session, view } = spending;
  await withdrawn(deps, session, view, refusal.message);
  return refused(refusal, view);
}

async function withdrawn(
  deps: HoldDeps,
  session: Session,
  view: RequestView,
  reason: string,
): Promise<Held> {
  try {
    await deps.approvals.call({ operation: 'withdraw', id: view.id, reason });
  } catch (error) {
    // Its lease runs out by itself; until then nobody could consume it but this session, which refuses.
    deps.log.warn('approvals.withdraw_failed', { request: view.id, error: String(error) });
  }
  await step(deps, session, view, 'withdrawn', reason);
  return refused(unapproved({ ...view, status: 'withdrawn', ending: reason }), view);
}

function step(
  { recorder }: HoldDeps,
  session: Session,
  view: RequestView,
  status: string,
  detail: string,
): Promise<void> {
  const body = { kind: 'approval.step', request: view.id, status, detail } as const;
  return recorder.append(session.id, body, 'spool');
}

function bind(sha256: Sha256, { id, principal, target }: Session, command: Command): Sha256Hex {
  const { frame, text, parameters, resultFormats, context, facts } = command;
  const of = { frame, text, parameters, resultFormats, context, facts };
  return bindingDigest(sha256, { ...of, principal, target: target.name, session: id });
}

function statementOf({ text, parameters }: Command): string {
  const bound = parameters.map((parameter, index) => `-- $${index + 1} = ${show(parameter)}`);
  return [text, ...bound].join('\n');
}

function show({ format, value }: Parameter): string {
  if (value === null) return 'NULL';
  const bytes = Buffer.from(value);
  return format === 'text' ? JSON.stringify(bytes.toString('utf8')) : `\\x${bytes.toString('hex')}`;
}

function refusalOf(message: string, request: RequestId | null): Refusal {
  return { kind: 'approval-denied', message, hint: '', policies: [], request };
}

function refused(
  refusal: Refusal,
  view: RequestView | null = null,
): Extract<Held, { kind: 'refused' }> {
  return { kind: 'refused', refusal, view };
}
