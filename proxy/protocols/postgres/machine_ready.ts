/** ReadyForQuery: the moment at which the session is what the target says it is. */
import { query } from './codec_synthetic.ts';
import { settleRunning } from './machine_settle.ts';
import { CONTEXT_QUERY } from './session_context.ts';
import type { SessionState, TransactionStatus } from './session_state.ts';

export function onReady(state: SessionState, status: TransactionStatus): void {
  const before = state.status;
  state.status = status;
  settleRunning(state);
  if (status === 'I') {
    state.portals.clear();
    state.touchedMasked = false;
  }
  // The end of the transaction, or of its failure, may have taken settings back.
  const returned = status === 'I' || (before === 'E' && status === 'T');
  if (returned && state.dirtyInTransaction) state.dirty = true;
  if (status === 'I') state.dirtyInTransaction = false;
  if (state.dirty && status !== 'E') askContext(state);
  // Before it is committed, the catalog's own connection cannot see a change.
  if (state.catalogStale && status === 'I') {
    state.catalogStale = false;
    state.catalogPending = true;
    state.effects.push({ kind: 'refresh-catalog' });
  }
}

function askContext(state: SessionState): void {
  state.dirty = false;
  state.toTarget.push(query(CONTEXT_QUERY));
  state.expected.push({ kind: 'context' }, { kind: 'sync', swallow: true });
}
