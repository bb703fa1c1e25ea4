/** One outcome for each permitted command, as late as an error may still come for it. */
import type { Outcome } from '../../../core/recording/event.ts';
import type { Running, SessionState } from './session_state.ts';

/** SQLSTATE query_canceled. */
const CANCELED = '57014';

/** Settles what runs, if anything does. Without a complete answer its outcome is unknown. */
export function settleRunning(state: SessionState): void {
  const { running } = state;
  state.running = null;
  if (running === null || running.command === null) return;
  const masked = [...running.counts].map(([kind, count]) => ({ kind, count }));
  const { sqlState, rows, bytes } = running;
  const outcome = { status: statusOf(running), sqlState, rows, bytes, masked };
  state.effects.push({ kind: 'settle', command: running.command, outcome });
}

function statusOf(running: Running): Outcome['status'] {
  if (running.sqlState === CANCELED) return 'cancelled';
  if (running.sqlState !== '') return 'failed';
  return running.complete ? 'succeeded' : 'unknown';
}
