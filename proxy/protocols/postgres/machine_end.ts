/** The session's end: said once, whatever else happens at the same moment. */
import { errorResponse, terminate } from './codec_synthetic.ts';
import { settleRunning } from './machine_settle.ts';
import type { SessionState } from './session_state.ts';

/** Closes both sides after what was written. */
export function endSession(state: SessionState, reason: string): void {
  if (state.ended) return;
  state.ended = true;
  settleRunning(state);
  state.pending = null;
  state.toTarget.push(terminate());
  state.effects.push({ kind: 'end', reason });
}

/** Tells the client why first; in the middle of a row there is no place for a message. */
export function endWithError(state: SessionState, code: string, message: string, hint = ''): void {
  if (state.ended) return;
  if (state.streaming === 0) {
    state.toClient.push(errorResponse({ severity: 'FATAL', code, message, hint }));
  }
  endSession(state, message);
}
