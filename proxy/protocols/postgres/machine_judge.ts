/** From a statement to a question for the gate, and from its answer to bytes or a refusal. */
import type { Command, Redacted } from '../../../core/command.ts';
import { assert } from '../../../core/errors.ts';
import type { Facts } from '../../../core/facts.ts';
import { commandId } from '../../../core/ids.ts';
import { isMask } from '../../../core/masking/mask.ts';
import { redact } from '../../../core/masking/redact.ts';
import { spendPermit } from '../../../core/permit.ts';
import type { Admission, Refusal } from '../../services.ts';
import { asBuffer } from './codec_frames.ts';
import {
  type ErrorFields,
  errorResponse,
  failingBind,
  readyForQuery,
  sync,
} from './codec_synthetic.ts';
import { endSession } from './machine_end.ts';
import { planFor } from './machine_plan.ts';
import { settleRunning } from './machine_settle.ts';
import { parameterText } from './parameter_text.ts';
import { errorOfRefusal, ownRefusal } from './refusals.ts';
import type { Parsed, Pending, SessionState } from './session_state.ts';

/** The text of a statement is not taken apart twice for the same classification. */
const shownTexts = new WeakMap<Parsed, { readonly text: string; readonly shown: Redacted }>();

/** Classifies and asks. The machine takes nothing more from the client until it is answered. */
export function judge(state: SessionState, pending: Pending): void {
  state.pending = pending;
  const classified =
    pending.known ?? state.catalog.classifier.classify(pending.text, pending.context);
  if (classified.kind === 'syntax-error') {
    const { message, position } = classified;
    refuseUnread(state, pending, { severity: 'ERROR', code: '42601', message, position });
    return;
  }
  if (classified.kind === 'unreadable') {
    const hint = 'Split the statement into smaller ones';
    const { message } = classified;
    refuseUnread(state, pending, { severity: 'ERROR', code: '54001', message, hint });
    return;
  }
  pending.classified = classified;
  if (classified.facts.unknown.length > 0 && !pending.refreshed) {
    // Somebody may have created it a moment ago.
    pending.refreshed = true;
    state.catalogPending = true;
    state.effects.push({ kind: 'refresh-catalog' });
    return;
  }
  const command = commandOf(state, pending, classified);
  const objection = objectionTo(state, pending, classified);
  if (objection !== null) {
    refuseByMachine(state, pending, command, objection);
    return;
  }
  state.effects.push({ kind: 'judge', mode: pending.mode, command });
}

/** A newer catalog is there: whatever waited for it is judged anew. */
export function judgeAgain(state: SessionState): void {
  const { pending } = state;
  if (pending !== null) judge(state, { ...pending, refreshed: true });
}

/** The gate's answer. Only the permit's own bytes go out. */
export function onAdmission(state: SessionState, admission: Admission): void {
  const { pending } = state;
  assert(pending?.classified !== null && pending !== null, 'an admission answers a question');
  if (state.ended) return;
  if (admission.kind === 'refused') {
    refuse(state, pending, errorOfRefusal(admission.refusal));
    return;
  }
  state.pending = null;
  settleRunning(state);
  const { classified } = pending;
  state.running = {
    command: pending.mode === 'admit' ? admission.permit.command : null,
    classified,
    obligations: admission.obligations,
    counts: new Map(),
    plan: null,
    statement: 0,
    descriptions: 0,
    rows: 0,
    statementRows: 0,
    bytes: 0,
    sqlState: '',
    complete: false,
  };
  const goesOn = pending.portal?.columns ?? null;
  if (goesOn !== null) state.running.plan = planFor(state, state.running, goesOn);
  state.toTarget.push(asBuffer(spendPermit(admission.permit)));
  state.expected.push(...pending.expects(classified));
  state.touchedMasked ||= classified.touchesMasked;
  if (pending.protocol === 'extended') {
    state.unsynced = true;
    state.unflushed = true;
  }
  if (pending.mode === 'admit') noteEffects(state, classified);
}

/** What the statement may do to the session, assumed done as soon as it is forwarded. */
function noteEffects(state: SessionState, classified: Parsed): void {
  const { facts, statements } = classified;
  const opaque = facts.opaque !== null;
  const changes = statements.flatMap((statement) => statement.changes);
  const sets =
    changes.some((change) => change.kind === 'set' || change.kind === 'reset') ||
    facts.accesses.some(({ verb }) => verb === 'set' || verb === 'assume' || verb === 'call');
  if (opaque || sets) {
    state.dirty = true;
    state.dirtyInTransaction = true;
  }
  const returns = changes.some(
    (change) => change.kind === 'transaction' && change.verb === 'rollback',
  );
  if (returns && state.dirtyInTransaction) state.dirty = true;
  if (opaque || changes.some((change) => change.kind === 'catalog')) state.catalogStale = true;
  const preparing = statements.some(({ tag }) =>
    /PREPARE|DEALLOCATE|DISCARD|EXECUTE|CALL|DO/.test(tag),
  );
  if (opaque || preparing) state.generation += 1;
}

/** What the gateway refuses whatever the policies say. */
function objectionTo(
  state: SessionState,
  pending: Pending,
  classified: Parsed,
): ErrorFields | null {
  const error = (code: string, message: string, hint: string): ErrorFields => {
    return { severity: 'ERROR', code, message, hint };
  };
  const [unknown] = classified.facts.unknown;
  if (unknown !== undefined) {
    const hint =
      'The gateway judges by what the target holds; what is made in an open transaction counts once committed';
    return error('42P01', `relation "${unknown}" does not exist`, hint);
  }
  if (classified.statements.some((statement) => statement.copies)) {
    const hint = 'Use SELECT instead of COPY TO, and INSERT instead of COPY FROM';
    return error('0A000', 'COPY does not pass this gateway', hint);
  }
  if (state.dirty && state.unsynced && pending.mode === 'admit') {
    const hint = 'Send Sync after it, so that what follows is judged in the session as it then is';
    return error('0A000', 'a statement follows one that changes settings in the same batch', hint);
  }
  const mask = pending.mode === 'admit' ? maskWritten(pending, classified) : null;
  if (mask !== null) {
    const hint = 'Leave the column out, or write the real value';
    return error('42501', `the value for ${mask} is a mask, not data`, hint);
  }
  return null;
}

/** The column that would be overwritten with what the client was shown instead of its value. */
function maskWritten(pending: Pending, classified: Parsed): string | null {
  for (const write of classified.writes) {
    if ('literal' in write) {
      if (isMask(write.literal)) return write.column;
      continue;
    }
    const parameter = pending.parameters[write.parameter - 1];
    const text = parameter === undefined ? null : parameterText(parameter);
    if (text !== null && isMask(text)) return write.column;
  }
  return null;
}

/** Nothing is known of the text, so all of it is hidden in the record. */
function refuseUnread(state: SessionState, pending: Pending, error: ErrorFields): void {
  const facts = opaqueFacts('UNREADABLE', 'The statement could not be read');
  const redacted: Redacted = { text: '', parameters: [], complete: false };
  refuseByMachine(state, pending, { ...bareCommand(state, pending), facts, redacted }, error);
}

export function opaqueFacts(tag: string, opaque: string): Facts {
  return { tag, accesses: [], opaque, unknown: [], predicates: [] };
}

export function refuseByMachine(
  state: SessionState,
  pending: Pending,
  command: Command,
  error: ErrorFields,
): void {
  const refusal: Refusal = ownRefusal(error.message, error.hint);
  state.effects.push({ kind: 'refused', command, refusal });
  refuse(state, pending, error);
}

/** The client hears why; the target agrees that the transaction has failed, where there is one. */
function refuse(state: SessionState, pending: Pending, error: ErrorFields): void {
  state.pending = null;
  state.toClient.push(errorResponse(error));
  if (error.severity === 'FATAL') {
    endSession(state, `refused: ${error.code}`);
    return;
  }
  if (pending.protocol === 'extended') {
    failBatch(state);
    return;
  }
  if (state.status !== 'T') {
    state.toClient.push(readyForQuery(state.status));
    return;
  }
  state.toTarget.push(failingBind(), sync());
  state.expected.push({ kind: 'failure' }, { kind: 'sync', swallow: false });
}

/** Everything up to the client's Sync is skipped, here and, where it has begun anything, there. */
export function failBatch(state: SessionState): void {
  state.held = [];
  state.skipping = true;
  if (state.status !== 'T' && !state.unsynced) return;
  state.toTarget.push(failingBind());
  state.expected.push({ kind: 'failure' });
  state.unsynced = true;
}

export function bareCommand(
  state: SessionState,
  pending: Pick<Pending, 'frame' | 'text' | 'parameters' | 'resultFormats' | 'context'>,
): Omit<Command, 'facts' | 'redacted'> {
  state.ordinal += 1;
  const { frame, text, parameters, resultFormats, context } = pending;
  const id = commandId(state.session.id, state.ordinal);
  return { id, frame, text, parameters, resultFormats, context };
}

function commandOf(state: SessionState, pending: Pending, classified: Parsed): Command {
  const bare = bareCommand(state, pending);
  return { ...bare, facts: classified.facts, redacted: redactedOf(state, pending, classified) };
}

function redactedOf(state: SessionState, pending: Pending, classified: Parsed): Redacted {
  const names = state.session.target.masks.detectors;
  const known = shownTexts.get(classified);
  let text = known?.text === pending.text ? known.shown : undefined;
  if (text === undefined) {
    const input = {
      text: pending.text,
      spans: classified.redact,
      parameters: [],
      hideParameters: [],
    };
    text = redact(input, state.detectors, names);
    shownTexts.set(classified, { text: pending.text, shown: text });
  }
  if (pending.parameters.length === 0) return text;
  const values = redact(
    {
      text: '',
      spans: [],
      parameters: pending.parameters.map(parameterText),
      hideParameters: classified.redactParameters,
    },
    state.detectors,
    names,
  );
  return {
    text: text.text,
    parameters: values.parameters,
    complete: text.complete && values.complete,
  };
}
