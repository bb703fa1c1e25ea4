/**
 * Judge, hold, record the intent, mint the permit: in that order, and there is no other way to a target.
 * Every failure on the way is a refusal; it never rejects, and it never lets through what it doubts.
 */
import type { Sha256 } from '../../core/approval/binding.ts';
import type { CommandId, RequestId } from '../../core/brand.ts';
import type { Command } from '../../core/command.ts';
import type { Decision, Obligations } from '../../core/decision.ts';
import { GatewayError } from '../../core/errors.ts';
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
import { makeHold } from './hold.ts';
import { makeJudge } from './judge.ts';
import * as refusals from './refusals.ts';

export interface GateDeps {
  readonly decide: Decide;
  readonly approvals: Approvals;
  readonly recorder: Pick<Recorder, 'append'>;
  readonly clock: Clock;
  readonly sha256: Sha256;
  readonly ids: Pick<Ids, 'request'>;
  readonly log: Log;
  readonly policyState: PolicyState;
}

/** A permitted command whose answer is not complete yet. */
interface Running {
  readonly record: CommandRecord;
  readonly mode: Obligations['record'];
  readonly request: RequestId | null;
}

interface Allowed {
  readonly decision: Exclude<Decision, { kind: 'deny' }>;
  readonly view: RequestView | null;
}

/** `forget`: to be called when the policies changed. */
export function makeGate(deps: GateDeps): Gate & { readonly forget: () => void } {
  const { clock, log, policyState, recorder, approvals } = deps;
  const judge = makeJudge(deps);
  const hold = makeHold({ ...deps, again: judge.anew });
  const running = new Map<CommandId, Running>();

  /** Of the session, whatever the command: null where it may go on. */
  const barred = (session: Session): Refusal | null => {
    if (policyState.lost()) return refusals.NO_CONTROL;
    if (policyState.isRevoked(session)) return refusals.REVOKED;
    return clock.now() >= session.expiresAt ? refusals.TOKEN_EXPIRED : null;
  };

  const refuseWith = async (
    session: Session,
    command: Command,
    refusal: Refusal,
    decision: Decision | null,
    view: RequestView | null,
  ): Promise<Admission> => {
    const approval = view === null ? null : approvalPart(view);
    const record = commandRecord(command, decision, refusal.message, approval);
    try {
      await recorder.append(session.id, { kind: 'command.refused', record }, 'spool');
    } catch (error) {
      // Refused it stays; that it could not be recorded is what the caller must hear.
      log.error('gate.refusal_unrecorded', { command: command.id, error: String(error) });
      return { kind: 'refused', refusal: refusals.NOT_RECORDED };
    }
    return { kind: 'refused', refusal };
  };

  const permit = async (
    session: Session,
    command: Command,
    { decision, view }: Allowed,
  ): Promise<Admission> => {
    const { obligations } = decision;
    // What people had to answer for is kept as safely as can be: decision 5.
    const mode = view === null ? obligations.record : 'sync';
    const record = commandRecord(command, decision, '', view === null ? null : approvalPart(view));
    await recorder.append(session.id, { kind: 'command.intent', record }, mode);
    running.set(command.id, { record, mode: obligations.record, request: view?.id ?? null });
    return {
      kind: 'permitted',
      permit: mintPermit(command.id, command.frame, obligations),
      obligations,
    };
  };

  const admit = async (
    session: Session,
    command: Command,
    hooks: AdmitHooks,
  ): Promise<Admission> => {
    const bar = barred(session);
    if (bar !== null) return refuseWith(session, command, bar, null, null);
    let decision: Decision | null = null;
    try {
      decision = await judge.command(session, command);
      if (decision.kind === 'allow')
        return await permit(session, command, { decision, view: null });
      if (decision.kind === 'deny') {
        return await refuseWith(session, command, refusals.denied(decision), decision, null);
      }
      const held = await hold(session, command, decision, hooks);
      if (held.kind === 'refused') {
        return await refuseWith(session, command, held.refusal, decision, held.view);
      }
      // It may have waited long: what ends sessions counts at this moment too.
      const late = barred(session);
      if (late !== null) return await refuseWith(session, command, late, decision, held.view);
      return await permit(session, command, held);
    } catch (error) {
      // Whatever failed, the command does not go on.
      log.error('gate.failed', { command: command.id, error: describe(error) });
      return refuseWith(session, command, refusalFor(error), decision, null);
    }
  };

  return {
    admit,
    connect: async (session) => {
      const bar = barred(session);
      if (bar !== null) return { kind: 'refused', refusal: bar };
      try {
        const decision = await judge.connect(session);
        if (decision.kind === 'allow') return { kind: 'allowed' };
        const hold = decision.kind === 'hold';
        return {
          kind: 'refused',
          refusal: hold ? refusals.CONNECT_HELD : refusals.denied(decision),
        };
      } catch (error) {
        // No answer is no.
        log.error('gate.failed', { session: session.id, error: describe(error) });
        return { kind: 'refused', refusal: refusalFor(error) };
      }
    },
    prepare: async (session, command) => {
      const bar = barred(session);
      if (bar !== null) return refuseWith(session, command, bar, null, null);
      try {
        const decision = await judge.command(session, command);
        if (decision.kind === 'deny') {
          return await refuseWith(session, command, refusals.denied(decision), decision, null);
        }
        const { obligations } = decision;
        const minted = mintPermit(command.id, command.frame, obligations);
        return { kind: 'permitted', permit: minted, obligations };
      } catch (error) {
        // As with admit: no answer is no.
        log.error('gate.failed', { command: command.id, error: describe(error) });
        return refuseWith(session, command, refusalFor(error), null, null);
      }
    },
    refuse: async (session, command, refusal) => {
      const admission = await refuseWith(session, command, refusal, null, null);
      if (admission.kind === 'refused' && admission.refusal === refusals.NOT_RECORDED) {
        throw new GatewayError('ERR_RECORDING_FAILED', 'Cannot record a refused command');
      }
    },
    settle: (session, command, outcome) => {
      const ended = running.get(command);
      if (ended === undefined) return;
      running.delete(command);
      const body = { kind: 'command.result', record: ended.record, outcome } as const;
      recorder.append(session.id, body, ended.mode).catch((error: unknown) => {
        // The recorder refuses every later event of the session, and so the gate its commands.
        log.error('gate.result_unrecorded', { command, error: describe(error) });
      });
      if (ended.request !== null) report(approvals, log, ended.request, outcome);
    },
    forget: judge.forget,
  };
}

/** For the card; the record has it in any case. */
function report(approvals: Approvals, log: Log, id: RequestId, outcome: Outcome): void {
  const status = outcome.status === 'cancelled' ? 'failed' : outcome.status;
  const detail = outcome.status === 'cancelled' ? 'cancelled' : outcome.sqlState;
  approvals.call({ operation: 'outcome', id, outcome: status, detail }).catch((error: unknown) => {
    log.warn('approvals.outcome_failed', { request: id, error: describe(error) });
  });
}

function refusalFor(error: unknown): Refusal {
  if (!(error instanceof GatewayError)) return refusals.BROKEN;
  if (error.code === 'ERR_DECIDE_UNAVAILABLE') return refusals.NO_DECISION;
  if (error.code === 'ERR_APPROVALS_UNAVAILABLE') return refusals.NO_APPROVALS;
  return error.code === 'ERR_RECORDING_FAILED' ? refusals.NOT_RECORDED : refusals.BROKEN;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : typeof error;
}
