/** One message of the target: whose answer it is, and what becomes of it. */
import { Backend, decodeParameterStatus, decodeTextRow, rowsOfTag } from './codec_backend.ts';
import { FRAME_HEADER_BYTES } from './codec_frames.ts';
import { endSession, endWithError } from './machine_end.ts';
import { planFrame } from './machine_plan.ts';
import { onReady } from './machine_ready.ts';
import { settleRunning } from './machine_settle.ts';
import { type ErrorRule, rewriteError, rewriteNotification } from './rewrite_errors.ts';
import { rewriteRows } from './rewrite_rows.ts';
import { contextOf } from './session_context.ts';
import type { Expected, SessionState } from './session_state.ts';

/**
 * `pass`: as it is. Else `bytes` go in its place, if any; `said` counts what the machine itself added
 * to `toClient` meanwhile, which belongs behind it.
 */
export type Verdict = 'pass' | { readonly bytes: Buffer | null; readonly said: number };

const DROP: Verdict = { bytes: null, said: 0 };
/** Facts and masks rely on them: a session in which they change is over. */
const FIXED_PARAMETERS: ReadonlyMap<string, string> = new Map([
  ['client_encoding', 'UTF8'],
  ['standard_conforming_strings', 'on'],
]);

function broken(state: SessionState, why: string): Verdict {
  endWithError(state, '08P01', `the target broke the protocol: ${why}`);
  return { bytes: null, said: 1 };
}

export function takeAnswer(state: SessionState, type: number, frame: Buffer): Verdict {
  const head = state.expected[0];
  switch (type) {
    case Backend.ReadyForQuery:
      return takeReady(state, frame);
    case Backend.ErrorResponse:
      return takeError(state, frame);
    case Backend.NoticeResponse:
      return rewritten(state, frame, 'N');
    case Backend.NotificationResponse: {
      const bytes = rewriteNotification(frame, errorRule(state));
      if (bytes === null) return broken(state, 'a malformed NotificationResponse');
      return bytes === frame ? 'pass' : { bytes, said: 0 };
    }
    case Backend.ParameterStatus:
      return takeParameterStatus(state, frame);
    case Backend.RowDescription:
      return takeDescription(state, head, frame);
    case Backend.CommandComplete:
    case Backend.EmptyQueryResponse:
    case Backend.PortalSuspended:
      return takeCompletion(state, head, type, frame);
    case Backend.CopyInResponse:
    case Backend.CopyOutResponse:
    case Backend.CopyBothResponse:
      return broken(state, 'it began a COPY that was never asked for');
    default:
      return takeStep(state, head, type);
  }
}

/** Answers that complete one message and carry nothing to judge. */
function takeStep(state: SessionState, head: Expected | undefined, type: number): Verdict {
  const { expected } = state;
  if (head?.kind === 'parse' && type === Backend.ParseComplete) {
    expected.shift();
    state.statements.set(head.statement.name, head.statement);
    return head.swallow ? DROP : 'pass';
  }
  if (head?.kind === 'bind' && type === Backend.BindComplete) {
    expected.shift();
    state.portals.set(head.portal.name, head.portal);
    return 'pass';
  }
  if (head?.kind === 'close' && type === Backend.CloseComplete) {
    expected.shift();
    (head.target === 'statement' ? state.statements : state.portals).delete(head.name);
    return head.swallow ? DROP : 'pass';
  }
  if (head?.kind === 'describe-statement' && type === Backend.ParameterDescription) return 'pass';
  if (head?.kind === 'describe-statement' && type === Backend.NoData) {
    expected.shift();
    return 'pass';
  }
  if (head?.kind === 'describe-portal' && type === Backend.NoData) {
    expected.shift();
    return head.swallow ? DROP : 'pass';
  }
  return broken(state, `message type ${type} out of turn`);
}

function takeDescription(state: SessionState, head: Expected | undefined, frame: Buffer): Verdict {
  const { running } = state;
  if (head?.kind === 'context') return DROP;
  if (head?.kind === 'describe-statement') {
    state.expected.shift();
    return 'pass';
  }
  if (running === null || (head?.kind !== 'describe-portal' && head?.kind !== 'query')) {
    return broken(state, 'a RowDescription out of turn');
  }
  const planned = planFrame(state, running, frame);
  if (planned === null) return broken(state, 'a malformed RowDescription');
  running.plan = planned.plan;
  if (head.kind === 'query') {
    running.descriptions += 1;
    return 'pass';
  }
  state.expected.shift();
  head.portal.columns = planned.columns;
  return head.swallow ? DROP : 'pass';
}

/** `data[start, end)` is a run of whole DataRows. */
export function takeRows(state: SessionState, data: Buffer, start: number, end: number): Verdict {
  const { running } = state;
  const kind = state.expected[0]?.kind;
  if (kind === 'context') return takeContextRow(state, data.subarray(start, end));
  if (running === null || running.plan === null || (kind !== 'execute' && kind !== 'query')) {
    return broken(state, 'a DataRow that was not described');
  }
  for (let at = start; at < end; at += 1 + data.readInt32BE(at + 1)) running.statementRows += 1;
  if (running.plan.verbatim) {
    running.bytes += end - start;
    return 'pass';
  }
  const { plan, counts } = running;
  const result = rewriteRows(plan, state.detectors, data, start, end, counts);
  switch (result.kind) {
    case 'verbatim':
      running.bytes += end - start;
      return 'pass';
    case 'rewritten':
      running.bytes += result.bytes.length;
      return { bytes: result.bytes, said: 0 };
    case 'malformed':
      return broken(state, result.why);
  }
}

function takeContextRow(state: SessionState, frame: Buffer): Verdict {
  const row = decodeTextRow(frame);
  const { database } = state.contexts.I;
  const context = row === null ? null : contextOf(row, database, 'idle');
  if (context === null) return broken(state, 'it did not describe the session');
  state.contexts = {
    I: context,
    T: { ...context, transaction: 'open' },
    E: { ...context, transaction: 'failed' },
  };
  return DROP;
}

function takeCompletion(
  state: SessionState,
  head: Expected | undefined,
  type: number,
  frame: Buffer,
): Verdict {
  const { running } = state;
  if (head?.kind === 'context') return DROP;
  if (running === null || (head?.kind !== 'execute' && head?.kind !== 'query')) {
    return broken(state, 'a completion out of turn');
  }
  if (head.kind === 'query' && type === Backend.PortalSuspended) {
    return broken(state, 'a PortalSuspended out of turn');
  }
  const counted = type === Backend.CommandComplete && running.statementRows === 0;
  running.rows += counted
    ? rowsOfTag(frame, FRAME_HEADER_BYTES, frame.length)
    : running.statementRows;
  running.statementRows = 0;
  running.complete = true;
  if (head.kind === 'execute') {
    state.expected.shift();
    return 'pass';
  }
  running.statement += 1;
  running.descriptions = 0;
  running.plan = null;
  return 'pass';
}

function takeReady(state: SessionState, frame: Buffer): Verdict {
  const { expected } = state;
  if (expected[0]?.kind === 'query' || expected[0]?.kind === 'context') expected.shift();
  const head = expected[0];
  const status = String.fromCharCode(frame[FRAME_HEADER_BYTES] ?? 0);
  if (head?.kind !== 'sync') return broken(state, 'a ReadyForQuery out of turn');
  if (status !== 'I' && status !== 'T' && status !== 'E') {
    return broken(state, 'a ReadyForQuery without a status');
  }
  expected.shift();
  onReady(state, status);
  return head.swallow ? DROP : 'pass';
}

function takeError(state: SessionState, frame: Buffer): Verdict {
  const { expected, running } = state;
  const head = expected[0];
  const error = rewriteError(frame, 'E', errorRule(state));
  if (error === null) return broken(state, 'a malformed ErrorResponse');
  if (error.severity === 'FATAL' || error.severity === 'PANIC') {
    if (running !== null) running.sqlState = error.sqlState;
    endSession(state, `the target ended the session: ${error.sqlState}`);
    return { bytes: error.bytes ?? Buffer.from(frame), said: 0 };
  }
  if (head?.kind === 'failure') {
    expected.shift();
    return DROP;
  }
  if (head?.kind === 'context' || head === undefined) {
    return broken(state, `an error, ${error.sqlState}, that nothing asked for`);
  }
  if (running !== null) {
    running.sqlState = error.sqlState;
    running.rows += running.statementRows;
    running.statementRows = 0;
  }
  if (head.kind !== 'query' && head.kind !== 'sync') {
    // The target skips to the next Sync, which may not have come yet.
    while (expected.length > 0 && expected[0]?.kind !== 'sync') expected.shift();
    if (expected.length === 0) {
      state.skipping = true;
      state.held = [];
      settleRunning(state);
    }
  }
  return error.bytes === null ? 'pass' : { bytes: error.bytes, said: 0 };
}

function rewritten(state: SessionState, frame: Buffer, type: 'N'): Verdict {
  const notice = rewriteError(frame, type, errorRule(state));
  if (notice === null) return broken(state, 'a malformed NoticeResponse');
  return notice.bytes === null ? 'pass' : { bytes: notice.bytes, said: 0 };
}

/** Deferred checks speak at the commit of what an earlier statement wrote: the transaction counts. */
function errorRule(state: SessionState): ErrorRule {
  const { running, session } = state;
  const touched = state.touchedMasked || (running?.classified.touchesMasked ?? false);
  const { columns, detectors } = session.target.masks;
  const remaining = running === null ? columns.length : running.obligations.mask.length;
  return {
    withhold: touched && remaining > 0,
    detectors: state.detectors,
    names: running === null ? detectors : running.obligations.detectors,
  };
}

function takeParameterStatus(state: SessionState, frame: Buffer): Verdict {
  const parameter = decodeParameterStatus(frame);
  if (parameter === null) return broken(state, 'a malformed ParameterStatus');
  const fixed = FIXED_PARAMETERS.get(parameter.name);
  if (fixed === undefined || fixed === parameter.value) return 'pass';
  const message = `${parameter.name} must stay ${fixed} in a session through this gateway`;
  endWithError(state, '0A000', message, 'Connect again and leave the setting as it is');
  return { bytes: null, said: 1 };
}
