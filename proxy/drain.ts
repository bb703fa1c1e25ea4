/**
 * Stopping without losing anything: no new connections, the open ones told, the spool emptied. ECS has
 * drained the load balancer before it sends SIGTERM; from then on there are `stopSeconds` to SIGKILL.
 */
import type { Log } from './services.ts';

/** Kept back for the process itself to end in. */
const MARGIN_MS = 5_000;
/** Of the time that is left: sessions need moments to be told, the stream may be slow. */
const SESSIONS_SHARE = 0.25;
/** More than this no client needs to read why it is closed. */
const SESSIONS_MAX_MS = 10_000;

export interface StopPlan {
  /** For sessions to be told and to end; then they are cut. */
  readonly sessionsMs: number;
  /** For the recorder to empty its spool; what is left stays on the task's volume. */
  readonly recorderMs: number;
  /** After which the process ends whatever is still going on. */
  readonly allMs: number;
}

export function planStop(stopSeconds: number): StopPlan {
  const allMs = stopSeconds * 1_000 - MARGIN_MS;
  const sessionsMs = Math.min(SESSIONS_MAX_MS, allMs * SESSIONS_SHARE);
  return { sessionsMs, recorderMs: allMs - sessionsMs - MARGIN_MS, allMs };
}

export interface Stoppable {
  readonly name: string;
  readonly stop: () => Promise<void> | void;
}

/**
 * Stops one after the other, in the order given. One that fails does not keep the next from being
 * stopped. Resolves false where something failed, or the time was over first.
 */
export async function stopAll(
  parts: readonly Stoppable[],
  deadlineMs: number,
  log: Log,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  let current = '';
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      log.error('proxy.stop_late', { part: current, deadlineMs });
      resolve(false);
    }, deadlineMs);
  });
  const all = async (): Promise<boolean> => {
    let clean = true;
    for (const { name, stop } of parts) {
      current = name;
      try {
        await stop();
      } catch (error) {
        // The others must be stopped all the same, the recorder above all.
        log.error('proxy.stop_failed', { part: name, error: String(error) });
        clean = false;
      }
    }
    return clean;
  };
  try {
    return await Promise.race([all(), late]);
  } finally {
    clearTimeout(timer);
  }
}
