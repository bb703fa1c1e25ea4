/**
 * Writes down what the waiting proxy sees of a request: each status, each vote, and each time that
 * somebody was shown the sealed statement.
 */
import type { RequestStatus, RequestView } from '../../core/wire/approvals.ts';

export interface Steps {
  /** Records what is new in it, at once: the caller may be about to end the session. */
  readonly see: (view: RequestView) => void;
  /** Resolves when all that was seen is recorded. Rejects where any of it could not be. */
  readonly recorded: () => Promise<void>;
}

/** `append` keeps one step. `onFailure` is called when one could not be kept. */
export function makeSteps(
  append: (status: string, detail: string) => Promise<void>,
  onFailure: () => void,
): Steps {
  const kept: Promise<void>[] = [];
  let status: RequestStatus | null = null;
  let votes = 0;
  let viewings = 0;

  const keep = (what: string, detail: string) => {
    const step = append(what, detail);
    step.catch(onFailure);
    kept.push(step);
  };

  return {
    see: (view) => {
      for (const { viewer, at } of view.viewings.slice(viewings)) {
        keep('viewed', `${viewer} was shown the whole statement at ${timeOf(at)}`);
      }
      for (const { voter, answer, via, reason, at } of view.votes.slice(votes)) {
        const because = reason === '' ? '' : `: ${reason}`;
        keep('vote', `${voter} answered ${answer} by ${via} at ${timeOf(at)}${because}`);
      }
      if (view.status !== status) keep(view.status, view.ending);
      ({ status } = view);
      votes = Math.max(votes, view.votes.length);
      viewings = Math.max(viewings, view.viewings.length);
    },
    recorded: async () => {
      await Promise.all(kept);
    },
  };
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
