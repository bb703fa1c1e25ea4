/**
 * The live sessions of this task: who is here, and what ends them from outside. That a session ends
 * with its token is the adapter's business: it has the timer.
 */
import type { SessionId } from '../../core/brand.ts';
import type { Session } from '../../core/session.ts';
import type { Sessions } from '../services.ts';

export interface SessionRegistry extends Sessions {
  /** Ends those whose principal, or which themselves, were shut out. */
  readonly endRevoked: (isRevoked: (session: Session) => boolean) => void;
  readonly endAll: (reason: string) => void;
  /**
   * Lets sessions end by themselves for `deadlineMs`, then ends those that are left. Resolves with how
   * many those were; whether they are gone is for `closed` to say.
   */
  readonly drain: (deadlineMs: number, reason: string) => Promise<number>;
  readonly size: () => number;
}

interface Live {
  readonly session: Session;
  readonly close: (reason: string) => void;
}

export function makeSessions(): SessionRegistry {
  const live = new Map<SessionId, Live>();
  let whenEmpty: (() => void)[] = [];

  const endWhere = (ends: (session: Session) => boolean, reason: string) => {
    for (const { session, close } of live.values()) if (ends(session)) close(reason);
  };

  return {
    open: (session, close) => {
      live.set(session.id, { session, close });
    },
    closed: (id) => {
      live.delete(id);
      if (live.size > 0) return;
      for (const tell of whenEmpty) tell();
      whenEmpty = [];
    },
    endRevoked: (isRevoked) => endWhere(isRevoked, 'your access was revoked'),
    endAll: (reason) => endWhere(() => true, reason),
    drain: async (deadlineMs, reason) => {
      if (live.size === 0) return 0;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        whenEmpty.push(resolve);
        timer = setTimeout(resolve, deadlineMs);
      });
      clearTimeout(timer);
      const left = live.size;
      endWhere(() => true, reason);
      return left;
    },
    size: () => live.size,
  };
}
