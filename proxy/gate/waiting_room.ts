/**
 * Waits for answers, for every held command of the task in one batch: reads the requests, and renews
 * their leases. It knows nothing of commands, and an answer that it cannot read is no answer.
 */
import type { RequestId } from '../../core/brand.ts';
import { LEASE_RENEW_SECONDS, LEASE_SECONDS, type RequestView } from '../../core/wire/approvals.ts';
import type { Clock, Log } from '../services.ts';
import type { Approvals } from './approvals_client.ts';
import { withDeadline } from './deadline.ts';
import { failureOf } from './failure.ts';

export interface WaitTiming {
  /** Between polls while some wait is younger than `eagerMs`: an approver may be sitting beside. */
  readonly eagerPollMs: number;
  readonly eagerMs: number;
  /** Between polls after that. */
  readonly pollMs: number;
  readonly renewMs: number;
  /** A read that takes longer counts as failed, so that one hung connection does not stop the polls. */
  readonly readDeadlineMs: number;
  /** Without a good read of it for this long a wait is given up: its lease has run out meanwhile. */
  readonly lostMs: number;
  /** Past a request's own expiry by this much, nobody is driving it any more: it counts as expired. */
  readonly graceMs: number;
}

export const WAIT_TIMING: WaitTiming = {
  eagerPollMs: 250,
  eagerMs: 15_000,
  pollMs: 1_000,
  renewMs: LEASE_RENEW_SECONDS * 1_000,
  readDeadlineMs: 5_000,
  lostMs: LEASE_SECONDS * 1_000,
  graceMs: 5_000,
};

/** No votes, no viewings. */
const NOTHING = '0 0';

/** `renew` takes 100 ids at most, see core/wire/approvals. */
const RENEW_MAX = 100;

export type Ending =
  | { readonly kind: 'answered'; readonly view: RequestView }
  /** The caller's signal: the client cancelled or left. */
  | { readonly kind: 'left' }
  /** The request could not be read for too long. */
  | { readonly kind: 'lost' };

interface Wait {
  readonly id: RequestId;
  readonly since: number;
  readonly onProgress: (view: RequestView) => void;
  readonly end: (ending: Ending) => void;
  /** When it was last read, monotonic milliseconds. */
  readAt: number;
  seen: string;
}

export interface WaitOptions {
  readonly signal: AbortSignal;
  /** Called when votes or viewings have come in and more votes are needed. */
  readonly onProgress: (view: RequestView) => void;
}

export interface WaitingRoom {
  /** Never rejects. */
  readonly wait: (id: RequestId, options: WaitOptions) => Promise<Ending>;
  readonly size: () => number;
}

export interface WaitingRoomDeps {
  readonly approvals: Approvals;
  readonly clock: Clock;
  readonly log: Log;
  readonly timing?: Partial<WaitTiming>;
}

export function makeWaitingRoom(deps: WaitingRoomDeps): WaitingRoom {
  const { approvals, clock, log } = deps;
  const timing = { ...WAIT_TIMING, ...deps.timing };
  const waits = new Map<RequestId, Wait>();
  let timer: NodeJS.Timeout | undefined;
  let polling = false;
  let renewedAt = 0;

  const schedule = () => {
    clearTimeout(timer);
    if (waits.size === 0 || polling) return;
    const now = clock.monotonic();
    const eager = [...waits.values()].some((wait) => now - wait.since < timing.eagerMs);
    timer = setTimeout(() => void poll(), eager ? timing.eagerPollMs : timing.pollMs);
  };

  const poll = async () => {
    polling = true;
    renewWhenDue();
    try {
      const views = await withDeadline(
        () => approvals.read([...waits.keys()]),
        timing.readDeadlineMs,
      );
      for (const view of views) notice(view);
    } catch (error) {
      // Slow is not no: the wait goes on until `lostMs`, and the request keeps its own clock.
      log.warn('approvals.read_failed', { waiting: waits.size, error: failureOf(error) });
    }
    giveUp();
    polling = false;
    schedule();
  };

  const notice = (view: RequestView) => {
    const wait = waits.get(view.id);
    if (wait === undefined) return;
    wait.readAt = clock.monotonic();
    if (view.status !== 'requested' && view.status !== 'partly-approved') {
      wait.end({ kind: 'answered', view });
      return;
    }
    // The handlers' clock decides; but where they are silent past the end, waiting on is no use.
    if (clock.now() > view.expiresAt + timing.graceMs) {
      wait.end({ kind: 'answered', view: { ...view, status: 'expired' } });
      return;
    }
    const progress = `${view.votes.length} ${view.viewings.length}`;
    if (progress === wait.seen) return;
    wait.seen = progress;
    wait.onProgress(view);
  };

  const giveUp = () => {
    const now = clock.monotonic();
    for (const wait of waits.values()) {
      if (now - wait.readAt > timing.lostMs) wait.end({ kind: 'lost' });
    }
  };

  const renewWhenDue = () => {
    const now = clock.monotonic();
    if (now - renewedAt < timing.renewMs) return;
    renewedAt = now;
    const ids = [...waits.keys()];
    for (let from = 0; from < ids.length; from += RENEW_MAX) {
      const batch = ids.slice(from, from + RENEW_MAX);
      approvals.call({ operation: 'renew', ids: batch }).catch((error: unknown) => {
        // The lease outlasts two missed renewals; a third one withdraws the request, which is safe.
        log.warn('approvals.renew_failed', { waiting: batch.length, error: failureOf(error) });
      });
    }
  };

  return {
    size: () => waits.size,
    wait: (id, { signal, onProgress }) =>
      new Promise((resolve) => {
        const end = (ending: Ending) => {
          if (!waits.delete(id)) return;
          signal.removeEventListener('abort', left);
          resolve(ending);
        };
        const left = () => end({ kind: 'left' });
        const since = clock.monotonic();
        // The first of a batch: its lease was written just now.
        if (waits.size === 0) renewedAt = since;
        waits.set(id, { id, since, onProgress, end, readAt: since, seen: NOTHING });
        if (signal.aborted) {
          left();
          return;
        }
        signal.addEventListener('abort', left, { once: true });
        // A newcomer makes the next poll an early one.
        schedule();
      }),
  };
}
