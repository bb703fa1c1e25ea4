/** The live sessions of this task: who is here, and what ends them from outside. */
import type { SessionId } from '../../core/brand.ts';
import type { Session } from '../../core/session.ts';
import type { Clock, Sessions } from '../services.ts';

/** setTimeout takes a 32-bit number of milliseconds: 24 days. A later expiry is looked at again then. */
const TIMER_MAX_MS = 2_147_483_647;

export interface SessionRegistry extends Sessions {
  /** Ends those that the question says yes to. */
  readonly closeWhere: (question: (session: Session) => boolean, reason: string) => void;
  readonly size: () => number;
}

interface Live {
  readonly session: Session;
  readonly close: (reason: string) => void;
  timer: NodeJS.Timeout | undefined;
}

export function makeSessions(clock: Clock): SessionRegistry {
  const live = new Map<SessionId, Live>();
  const watch = (entry: Live) => {
    const left = entry.session.expiresAt - clock.now();
    if (left <= 0) {
      entry.close('the token of this session has expired');
      return;
    }
    entry.timer = setTimeout(() => watch(entry), Math.min(left, TIMER_MAX_MS));
    entry.timer.unref();
  };
  return {
    open: (session, close) => {
      const entry: Live = { session, close, timer: undefined };
      live.set(session.id, entry);
      watch(entry);
    },
    closed: (id) => {
      clearTimeout(live.get(id)?.timer);
      live.delete(id);
    },
    closeWhere: (question, reason) => {
      // A copy: closing one takes it out of the map.
      for (const { session, close } of [...live.values()]) if (question(session)) close(reason);
    },
    size: () => live.size,
  };
}
