/** Drives one session machine: hands it events, and performs what it asks for. */
import type { CommandId } from '../../../core/brand.ts';
import type { Command } from '../../../core/command.ts';
import { assertNever } from '../../../core/errors.ts';
import type { Outcome } from '../../../core/recording/event.ts';
import type { Services } from '../../services.ts';
import type { Outgoing, Wire } from '../adapter.ts';
import { isCancellable, isWaiting, type SessionEvent, step } from './machine_session.ts';
import type { SessionEffect, SessionState } from './session_state.ts';
import type { Catalogs } from './statement.ts';

/** Bytes of a client that is ahead of its answers; more than this and it is not read for a while. */
const INPUT_QUEUE_MAX = 1024 * 1024;

export interface LiveSession {
  readonly send: (event: SessionEvent) => void;
  /** Withdraws what is held, or cancels what runs. */
  readonly cancel: () => void;
  readonly withdraw: () => void;
}

export interface LiveOptions {
  readonly wire: Wire;
  readonly services: Services;
  readonly catalogs: Catalogs;
  readonly outgoing: Outgoing;
  readonly state: SessionState;
  readonly cancelTarget: () => void;
  readonly onEnd: (reason: string) => void;
}

export function makeLiveSession(options: LiveOptions): LiveSession {
  const { state, wire, outgoing, services } = options;
  const { gate, clock, log } = services;
  let asking: AbortController | null = null;
  let forwardedAt = 0;
  let paused = false;

  const send = (event: SessionEvent): void => {
    step(state, event);
    flushTo(state.toTarget, outgoing.write);
    flushTo(state.toClient, wire.write);
    const effects = state.effects.splice(0);
    for (const effect of effects) perform(effect);
    // A long message that is not whole yet waits for nobody but the client.
    const behind = isWaiting(state) && state.input.size() > INPUT_QUEUE_MAX;
    if (behind === paused) return;
    paused = behind;
    if (behind) wire.pause();
    else wire.resume();
  };

  const ask = (mode: 'admit' | 'prepare', command: Command): void => {
    const controller = new AbortController();
    asking = controller;
    const notice = (text: string) => {
      if (asking === controller) send({ kind: 'notice', text });
    };
    const answer =
      mode === 'admit'
        ? gate.admit(state.session, command, { notice, signal: controller.signal })
        : gate.prepare(state.session, command);
    answer.then(
      (admission) => {
        asking = null;
        forwardedAt = clock.monotonic();
        // Permitted, and the session is gone: it was never forwarded, and that is its outcome.
        if (state.ended && admission.kind === 'permitted' && mode === 'admit') {
          settle(command.id, NEVER_SENT);
        }
        send({ kind: 'admission', admission });
      },
      (error: unknown) => broken('the gate failed', error),
    );
  };
  const settle = (command: CommandId, outcome: Omit<Outcome, 'durationMs'>): void => {
    // Whole microseconds: the rest is noise, and its digits cost more than the measuring.
    const durationMs = Math.max(0, Math.round((clock.monotonic() - forwardedAt) * 1000) / 1000);
    gate.settle(state.session, command, { ...outcome, durationMs });
  };
  /** The gate promises not to reject, and a catalog may be out of reach: the session ends, loudly. */
  const broken = (reason: string, error: unknown): void => {
    log.error('session.broken', {
      session: state.session.id,
      reason,
      error: error instanceof Error ? error.message : 'unknown',
    });
    send({ kind: 'close', code: '58000', reason });
  };

  const perform = (effect: SessionEffect): void => {
    switch (effect.kind) {
      case 'judge':
        ask(effect.mode, effect.command);
        return;
      case 'refused':
        gate
          .refuse(state.session, effect.command, effect.refusal)
          .catch(() =>
            send({ kind: 'close', code: '58030', reason: 'the session cannot be recorded' }),
          );
        return;
      case 'settle':
        settle(effect.command, effect.outcome);
        return;
      case 'refresh-catalog':
        options.catalogs.refresh(state.session.target).then(
          (catalog) => send({ kind: 'catalog', catalog }),
          (error: unknown) => broken('the catalog of the target cannot be read', error),
        );
        return;
      case 'end':
        asking?.abort();
        outgoing.end();
        wire.end();
        options.onEnd(effect.reason);
        return;
      default:
        assertNever(effect);
    }
  };

  return {
    send,
    cancel: () => {
      if (asking !== null) asking.abort();
      else if (isCancellable(state)) options.cancelTarget();
    },
    withdraw: () => asking?.abort(),
  };
}

const NEVER_SENT: Omit<Outcome, 'durationMs'> = {
  status: 'cancelled',
  sqlState: '',
  rows: 0,
  bytes: 0,
  masked: [],
};

/** One write for all that one event brought: a write per message costs two thirds of the throughput. */
function flushTo(parts: Buffer[], write: (bytes: Uint8Array) => void): void {
  const [first] = parts;
  if (first === undefined) return;
  write(parts.length === 1 ? first : Buffer.concat(parts));
  parts.length = 0;
}
