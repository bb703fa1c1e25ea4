/** Stops what was started, last first, each within a deadline, whatever the others do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../proxy/services.ts';

export interface Closing {
  /** Called in the reverse order of these calls. */
  readonly defer: (name: string, close: () => Promise<void>) => void;
  /** Resolves when all are stopped or given up on; a second call waits for the first. */
  readonly run: () => Promise<void>;
}

/** @param deadlineMs for each of them */
export function makeClosing(log: Pick<Log, 'error'>, deadlineMs: number): Closing {
  const closers: { name: string; close: () => Promise<void> }[] = [];
  let running: Promise<void> | null = null;
  const runAll = async () => {
    for (const { name, close } of closers.reverse()) {
      try {
        await withDeadline(close(), deadlineMs);
      } catch (error) {
        // One that will not stop must not keep the others running.
        log.error('local.close-failed', { part: name, error: String(error) });
      }
    }
  };
  return {
    defer: (name, close) => {
      closers.push({ name, close });
    },
    run: () => {
      running ??= runAll();
      return running;
    },
  };
}

async function withDeadline(work: Promise<void>, deadlineMs: number): Promise<void> {
  const given = new AbortController();
  const late = sleep(deadlineMs, undefined, { signal: given.signal }).then(() => {
    throw new Error(`not stopped after ${deadlineMs} ms`);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    given.abort();
    // The timer's own rejection, by the abort, has been answered by the race.
    late.catch(() => undefined);
  }
}
