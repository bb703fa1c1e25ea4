/**
 * The one poll of a task: which policies are published, who is shut out. A task that cannot read them
 * must not go on as if nothing had changed: after 5 s nothing is answered from memory, after 15 s its
 * sessions end.
 */
import * as v from 'valibot';
import type { PolicyVersion } from '../../core/brand.ts';
import { ControlState, type Revocation } from '../../core/control.ts';
import type { Session } from '../../core/session.ts';
import type { Clock, Log } from '../services.ts';
import { withDeadline } from './deadline.ts';

export const POLL_MS = 1_000;
/** A read that takes longer counts as failed, so that one hung connection does not stop the poll. */
export const POLL_DEADLINE_MS = 2_000;
/** Without a good poll for this long, nothing is answered from memory. */
export const STALE_MS = 5_000;
/** Without a good poll for this long, sessions end. */
export const LOST_MS = 15_000;

export interface ControlTiming {
  readonly pollMs: number;
  readonly pollDeadlineMs: number;
  readonly staleMs: number;
  readonly lostMs: number;
}

const TIMING: ControlTiming = {
  pollMs: POLL_MS,
  pollDeadlineMs: POLL_DEADLINE_MS,
  staleMs: STALE_MS,
  lostMs: LOST_MS,
};

/** Reads the two items, consistently. Rejects where it cannot. */
export type ControlSource = (signal: AbortSignal) => Promise<unknown>;

/** What the gate asks of it, on every command. */
export interface PolicyState {
  /** False while nothing may be answered from memory. */
  readonly fresh: () => boolean;
  /**
   * True until the first good poll, and once polls have failed for so long that sessions end: it is not
   * known who is shut out, so nothing is let through.
   */
  readonly lost: () => boolean;
  /** The published one; null before the first publication. */
  readonly policyVersion: () => PolicyVersion | null;
  /** Policy version and epochs, as a part of every remembered answer's key. */
  readonly versions: () => string;
  readonly isRevoked: (session: Session) => boolean;
}

export interface ControlListeners {
  /** The policies changed: remembered answers are worth nothing. */
  readonly onBump: () => void;
  /** Called after every good poll with what is revoked now. */
  readonly onRevocations: (isRevoked: (session: Session) => boolean) => void;
  /** Called once each time the poll is lost for `lostMs`. */
  readonly onLost: () => void;
}

export interface Control extends PolicyState {
  /** One poll now. Await it before listening: until one was good, everybody is refused. Never rejects. */
  readonly poll: () => Promise<void>;
  readonly stop: () => void;
}

export interface ControlDeps {
  readonly source: ControlSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly listeners: ControlListeners;
  readonly timing?: Partial<ControlTiming>;
}

export function makeControl(deps: ControlDeps): Control {
  const { clock, log, listeners } = deps;
  const timing = { ...TIMING, ...deps.timing };
  const startedAt = clock.monotonic();
  let goodAt: number | null = null;
  let lost = false;
  let state: ControlState = { policyVersion: null, revocations: [] };
  let refused = indexOf([]);
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const isRevoked = (session: Session) => {
    const principal = refused.principals.get(session.principal.subject) ?? 0;
    const until = Math.max(principal, refused.sessions.get(session.id) ?? 0);
    return until > 0 && until > clock.now();
  };
  const age = () => clock.monotonic() - (goodAt ?? startedAt);

  const accept = (next: ControlState) => {
    const bumped = goodAt !== null && next.policyVersion !== state.policyVersion;
    state = next;
    refused = indexOf(next.revocations);
    goodAt = clock.monotonic();
    if (lost) log.info('control.recovered');
    lost = false;
    if (bumped) {
      log.info('control.policy_changed', { policyVersion: next.policyVersion });
      listeners.onBump();
    }
    if (next.revocations.length > 0) listeners.onRevocations(isRevoked);
  };

  const checkLost = () => {
    if (lost || age() < timing.lostMs) return;
    lost = true;
    log.error('control.lost', { afterMs: timing.lostMs });
    // What was remembered before the silence may have been revoked within it.
    listeners.onBump();
    listeners.onLost();
  };

  const poll = async () => {
    try {
      accept(v.parse(ControlState, await withDeadline(deps.source, timing.pollDeadlineMs)));
    } catch (error) {
      // Counted by time, not by number: `fresh` and `checkLost` say when it matters.
      log.warn('control.poll_failed', { error: nameOf(error) });
      checkLost();
    }
  };

  const loop = async () => {
    await poll();
    if (!stopped) timer = setTimeout(() => void loop(), timing.pollMs);
  };
  timer = setTimeout(() => void loop(), 0);

  return {
    fresh: () => goodAt !== null && age() < timing.staleMs,
    // By the clock as well: a poll that hangs has not failed yet.
    lost: () => goodAt === null || lost || age() >= timing.lostMs,
    policyVersion: () => state.policyVersion,
    versions: () => state.policyVersion ?? '',
    isRevoked,
    poll,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

interface Refused {
  readonly principals: ReadonlyMap<string, number>;
  readonly sessions: ReadonlyMap<string, number>;
}

function indexOf(revocations: readonly Revocation[]): Refused {
  const index = { principals: new Map<string, number>(), sessions: new Map<string, number>() };
  for (const { kind, id, until } of revocations) {
    const map = kind === 'principal' ? index.principals : index.sessions;
    map.set(id, Math.max(until, map.get(id) ?? 0));
  }
  return index;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
