/**
 * The client's messages after the login. What is not forwarded here waits: for the gate's answer, or
 * for the target's, so that every statement is judged in the session as it then is.
 */
import {
  decodeBind,
  decodeExecute,
  decodeNamed,
  decodeParse,
  decodeText,
  Frontend,
} from './codec_frontend.ts';
import { close, errorResponse, flush, readyForQuery, sync } from './codec_synthetic.ts';
import { cutExecute, cutPrepare } from './machine_batch.ts';
import { endSession, endWithError } from './machine_end.ts';
import { bareCommand, judge, opaqueFacts } from './machine_judge.ts';
import { ownRefusal } from './refusals.ts';
import type { Held, SessionState } from './session_state.ts';

/** Takes what can be taken now. Called whenever something that it waited for has come. */
export function pump(state: SessionState): void {
  while (!state.ended && state.pending === null && !state.catalogPending) {
    const frame = state.stashed ?? nextFrame(state);
    if (frame === null) break;
    state.stashed = null;
    if (!take(state, frame.type, frame.bytes)) {
      state.stashed = frame;
      flushOwed(state);
      return;
    }
  }
  const waiting = state.pending !== null || state.catalogPending || state.expected.length > 0;
  if (state.clientEnded && !waiting) endSession(state, 'the client left');
}

/** null: not yet, or never again. */
function nextFrame(state: SessionState): SessionState['stashed'] {
  const read = state.input.next();
  if (read.kind === 'violation') endWithError(state, '08P01', read.message);
  return read.kind === 'frame' ? read : null;
}

/** Without it a target keeps its answers to itself until the next Sync. */
function flushOwed(state: SessionState): void {
  if (!state.unflushed) return;
  state.unflushed = false;
  state.toTarget.push(flush());
}

/** False: it has to wait until the target has answered what was forwarded before. */
function take(state: SessionState, type: number, bytes: Buffer): boolean {
  if (type === Frontend.Terminate) {
    endSession(state, 'the client ended the session');
    return true;
  }
  if (type === Frontend.Sync) return takeSync(state);
  // PostgreSQL: "discards messages until a Sync is reached", simple queries too.
  if (state.skipping) return true;
  switch (type) {
    case Frontend.Query:
      return takeQuery(state, bytes);
    case Frontend.Parse:
      return takeParse(state, bytes);
    case Frontend.Bind:
      return takeBind(state, bytes);
    case Frontend.Describe:
      return takeDescribe(state, bytes);
    case Frontend.Execute:
      return takeExecute(state, bytes);
    case Frontend.Close:
      return takeClose(state, bytes);
    case Frontend.Flush:
      return takeFlush(state);
    default:
      return takeFunctionCall(state, bytes);
  }
}

/** Nothing is under way at the target. */
function quiet(state: SessionState): boolean {
  return state.expected.length === 0;
}

function malformed(state: SessionState, name: string): true {
  endWithError(state, '08P01', `invalid ${name} message`);
  return true;
}

function takeQuery(state: SessionState, bytes: Buffer): boolean {
  if (state.held.length > 0 || state.unsynced) {
    endWithError(state, '08P01', 'a Query inside an extended batch', 'Send Sync before it');
    return true;
  }
  if (!quiet(state)) return false;
  const text = decodeText(bytes);
  if (text === null) return malformed(state, 'Query');
  // A simple query does away with the unnamed statement and portal (manual, "Extended Query").
  state.statements.delete('');
  state.portals.delete('');
  judge(state, {
    protocol: 'simple',
    mode: 'admit',
    text,
    parameters: [],
    resultFormats: [],
    frame: bytes,
    context: state.contexts[state.status],
    known: null,
    expects: () => [{ kind: 'query' }, { kind: 'sync', swallow: false }],
    portal: null,
    refreshed: false,
    classified: null,
  });
  return true;
}

function takeSync(state: SessionState): boolean {
  if (!state.skipping && state.held.length > 0) {
    if (!quiet(state)) return false;
    // The Sync is taken again once what is held has been judged.
    state.stashed = null;
    cutPrepare(state);
    return state.pending === null && !state.catalogPending && state.held.length === 0
      ? takeSync(state)
      : false;
  }
  state.skipping = false;
  state.unsynced = false;
  state.unflushed = false;
  state.toTarget.push(sync());
  state.expected.push({ kind: 'sync', swallow: false });
  return true;
}

function takeFlush(state: SessionState): boolean {
  if (state.held.length > 0) {
    if (!quiet(state)) return false;
    cutPrepare(state);
    return state.pending === null && !state.catalogPending && state.held.length === 0
      ? takeFlush(state)
      : false;
  }
  if (state.unsynced) {
    state.unflushed = false;
    state.toTarget.push(flush());
  }
  return true;
}

function takeParse(state: SessionState, bytes: Buffer): boolean {
  const message = decodeParse(bytes);
  if (message === null) return malformed(state, 'Parse');
  return hold(state, { kind: 'parse', bytes, message }, state.held.length === 0);
}

function takeBind(state: SessionState, bytes: Buffer): boolean {
  const message = decodeBind(bytes);
  if (message === null) return malformed(state, 'Bind');
  const own = state.held.every(
    (item) =>
      (item.kind === 'parse' && item.message.statement === message.statement) ||
      (item.kind === 'describe-statement' && item.name === message.statement),
  );
  return hold(state, { kind: 'bind', bytes, message }, own);
}

function takeDescribe(state: SessionState, bytes: Buffer): boolean {
  const message = decodeNamed(bytes);
  if (message === null) return malformed(state, 'Describe');
  const { name } = message;
  const last = state.held.at(-1);
  if (message.target === 'portal') {
    const own = last?.kind === 'bind' && last.message.portal === name;
    return hold(state, { kind: 'describe-portal', bytes, name }, own || state.held.length === 0);
  }
  const own = last === undefined || (last.kind === 'parse' && last.message.statement === name);
  return hold(state, { kind: 'describe-statement', bytes, name }, own);
}

/** `fits`: it belongs to what is held. Else that is judged first, and this waits. */
function hold(state: SessionState, item: Held, fits: boolean): boolean {
  if (fits) {
    state.held.push(item);
    return true;
  }
  if (!quiet(state)) return false;
  cutPrepare(state);
  return state.skipping;
}

function takeExecute(state: SessionState, bytes: Buffer): boolean {
  const message = decodeExecute(bytes);
  if (message === null) return malformed(state, 'Execute');
  if (!quiet(state)) return false;
  return cutExecute(state, bytes, message);
}

function takeClose(state: SessionState, bytes: Buffer): boolean {
  const message = decodeNamed(bytes);
  if (message === null) return malformed(state, 'Close');
  if (state.held.length > 0) {
    if (!quiet(state)) return false;
    cutPrepare(state);
    return state.skipping;
  }
  state.toTarget.push(close(message.target, message.name));
  state.expected.push({ kind: 'close', swallow: false, ...message });
  state.unsynced = true;
  state.unflushed = true;
  return true;
}

/** It calls a function by number, with no text to judge. Superseded since PostgreSQL 7.4. */
function takeFunctionCall(state: SessionState, bytes: Buffer): boolean {
  if (!quiet(state)) return false;
  const message = 'function calls by the fast path do not pass this gateway';
  const hint = 'Call the function in a SELECT';
  const bare = bareCommand(state, {
    frame: bytes,
    text: '',
    parameters: [],
    resultFormats: [],
    context: state.contexts[state.status],
  });
  const facts = opaqueFacts('FUNCTION CALL', 'The fast path has no text');
  const redacted = { text: '', parameters: [], complete: false };
  const command = { ...bare, facts, redacted };
  state.effects.push({ kind: 'refused', command, refusal: ownRefusal(message, hint) });
  if (state.status === 'T' || state.unsynced) {
    // A failed transaction on one side only would be out of step: such a client starts anew.
    endWithError(state, '0A000', message, hint);
    return true;
  }
  state.toClient.push(
    errorResponse({ severity: 'ERROR', code: '0A000', message, hint }),
    readyForQuery(state.status),
  );
  return true;
}
