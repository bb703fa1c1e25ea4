/**
 * The session after both logins: a reducer over events, which leaves bytes and effects in the state.
 * It owns no socket, no clock and no promise; the adapter performs what it asks for.
 */
import type { SessionContext } from '../../../core/command.ts';
import type { Detectors } from '../../../core/masking/detect.ts';
import type { Session } from '../../../core/session.ts';
import type { Admission } from '../../services.ts';
import { asBuffer, makeFrameReader } from './codec_frames.ts';
import { sessionLimit } from './codec_frontend.ts';
import { noticeResponse } from './codec_synthetic.ts';
import { onTargetData } from './machine_answers.ts';
import { endSession, endWithError } from './machine_end.ts';
import { pump } from './machine_frontend.ts';
import { judgeAgain, onAdmission } from './machine_judge.ts';
import type { SessionState } from './session_state.ts';
import type { Catalog } from './statement.ts';

export type SessionEvent =
  | { readonly kind: 'client'; readonly bytes: Uint8Array }
  /** The client sends no more: what it asked for is still answered. */
  | { readonly kind: 'client-ended' }
  | { readonly kind: 'client-gone' }
  | { readonly kind: 'target'; readonly bytes: Uint8Array }
  | { readonly kind: 'target-gone'; readonly why: string }
  | { readonly kind: 'admission'; readonly admission: Admission }
  | { readonly kind: 'catalog'; readonly catalog: Catalog }
  /** Something the waiting client should read. */
  | { readonly kind: 'notice'; readonly text: string }
  /** The gateway ends the session: revocation, expiry, shutdown, a recorder that failed. */
  | { readonly kind: 'close'; readonly code: string; readonly reason: string };

export interface SessionOptions {
  readonly session: Session;
  readonly context: SessionContext;
  readonly catalog: Catalog;
  readonly detectors: Detectors;
}

export function makeSessionState(options: SessionOptions): SessionState {
  const { context } = options;
  return {
    session: options.session,
    detectors: options.detectors,
    catalog: options.catalog,
    contexts: {
      I: { ...context, transaction: 'idle' },
      T: { ...context, transaction: 'open' },
      E: { ...context, transaction: 'failed' },
    },
    status: 'I',
    input: makeFrameReader(sessionLimit),
    stashed: null,
    held: [],
    pending: null,
    catalogPending: false,
    running: null,
    expected: [],
    statements: new Map(),
    portals: new Map(),
    generation: 0,
    skipping: false,
    unsynced: false,
    unflushed: false,
    dirty: false,
    dirtyInTransaction: false,
    catalogStale: false,
    touchedMasked: false,
    ordinal: 0,
    planMemo: null,
    partial: [],
    partialBytes: 0,
    partialNeeds: 0,
    streaming: 0,
    clientEnded: false,
    ended: false,
    toClient: [],
    toTarget: [],
    effects: [],
  };
}

/** Bytes for both sides and effects are left in the state; the caller takes them out. */
export function step(state: SessionState, event: SessionEvent): void {
  if (state.ended) return;
  switch (event.kind) {
    case 'client':
      state.input.push(event.bytes);
      break;
    case 'client-ended':
      state.clientEnded = true;
      break;
    case 'client-gone':
      endSession(state, 'the client left');
      return;
    case 'target':
      onTargetData(state, asBuffer(event.bytes));
      break;
    case 'target-gone':
      endWithError(state, '08006', 'the target closed the connection');
      return;
    case 'admission':
      onAdmission(state, event.admission);
      break;
    case 'catalog':
      state.catalog = event.catalog;
      state.catalogPending = false;
      judgeAgain(state);
      break;
    case 'notice':
      if (state.streaming === 0) state.toClient.push(notice(event.text));
      return;
    case 'close':
      endWithError(state, event.code, event.reason);
      return;
  }
  pump(state);
}

/** A cancellation that is meant for the target: only while it works on something of the client's. */
export function isCancellable(state: SessionState): boolean {
  return state.running !== null && state.running.command !== null && state.expected.length > 0;
}

/** Whole messages of the client are not taken: the gate, the catalog or the target has to answer first. */
export function isWaiting(state: SessionState): boolean {
  return state.pending !== null || state.catalogPending || state.stashed !== null;
}

function notice(text: string): Buffer {
  return noticeResponse({ severity: 'NOTICE', code: '00000', message: text });
}
