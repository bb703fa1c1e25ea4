/** Says to functions/approvals what nobody waits for: withdrawals and outcomes. */
import type { ApprovalsRequest } from '../../core/wire/approvals.ts';
import type { Log } from '../services.ts';
import type { Approvals } from './approvals_client.ts';
import { failureOf } from './failure.ts';

export interface Teller {
  /** One after the other. Where one fails, the request's own clock and lease end it. */
  readonly tell: (...requests: readonly ApprovalsRequest[]) => void;
  /** Resolves when all of them have been answered, or have failed. */
  readonly settled: () => Promise<void>;
}

export function makeTeller(approvals: Approvals, log: Log): Teller {
  const unanswered = new Set<Promise<void>>();
  const send = async (requests: readonly ApprovalsRequest[]) => {
    for (const request of requests) {
      try {
        await approvals.call(request);
      } catch (error) {
        // What was refused stays refused, and without a renewed lease the request ends within 45 s.
        log.warn('approvals.not_told', { operation: request.operation, error: failureOf(error) });
      }
    }
  };
  return {
    tell: (...requests) => {
      const told = send(requests);
      unanswered.add(told);
      void told.finally(() => unanswered.delete(told));
    },
    settled: async () => {
      await Promise.all(unanswered);
    },
  };
}
