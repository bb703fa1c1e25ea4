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
  readonly size: () => number;
}

interface Live {
  readonly session: Session;
  readonly close: (reason: string) => void;
}

export function makeSessions(): SessionRegistry {
  const live = new Map<SessionId, Live>();

  const endWhere = (ends: (session: Session) => boolean, reason: string) => {
    const failures: unknown[] = [];
    for (const { session, close } of live.values()) {
      if (!ends(session)) continue;
      try {
        close(reason);
      } catch (error) {
        // A session that cannot be closed must not keep open those after it: told when all are done.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Cannot close every session');
  };

  return {
    open: (session, close) => {
      live.set(session.id, { session, close });
    },
    closed: (id) => {
      live.delete(id);
    },
    endRevoked: (isRevoked) => endWhere(isRevoked, 'your access was revoked'),
    endAll: (reason) => endWhere(() => true, reason),
    size: () => live.size,
  };
}
