/**
 * The target's bytes: matched against what is owed, then passed on as they are, rewritten or
 * swallowed. Frames that pass are never copied one by one: a chunk goes out in the runs it came in.
 */
import { answerLimit, Backend } from './codec_backend.ts';
import { FRAME_HEADER_BYTES, headerProblem } from './codec_frames.ts';
import { takeAnswer, takeRows, type Verdict } from './machine_answer.ts';
import { endWithError } from './machine_end.ts';
import type { SessionState } from './session_state.ts';

/**
 * A row that has to be rewritten is held whole. Larger ones are refused, never passed as they are;
 * rows without masks and detectors stream through at any length.
 */
const REWRITTEN_ROW_MAX = 64 * 1024 * 1024;

export function onTargetData(state: SessionState, chunk: Buffer): void {
  let data = chunk;
  if (state.partialBytes > 0) {
    state.partial.push(chunk);
    state.partialBytes += chunk.length;
    if (state.partialBytes < state.partialNeeds) return;
    data = Buffer.concat(state.partial, state.partialBytes);
    state.partial.length = 0;
    state.partialBytes = 0;
  }
  let at = 0;
  if (state.streaming > 0) {
    at = Math.min(state.streaming, data.length);
    state.streaming -= at;
  }
  walk(state, data, at);
}

/** `data[0, start)` is the rest of a row that streams. */
function walk(state: SessionState, data: Buffer, start: number): void {
  let at = start;
  let passFrom = 0;
  const pass = (end: number): void => {
    if (end > passFrom) state.toClient.push(data.subarray(passFrom, end));
  };
  while (!state.ended && data.length - at >= FRAME_HEADER_BYTES) {
    const type = data[at] as number;
    const length = data.readInt32BE(at + 1);
    const problem = headerProblem(type, length, answerLimit);
    if (problem !== '') {
      pass(at);
      brokenTarget(state, problem);
      return;
    }
    const end = at + 1 + length;
    if (end > data.length) {
      if (type !== Backend.DataRow || !streams(state)) break;
      noteStreamed(state, length + 1);
      state.streaming = end - data.length;
      pass(data.length);
      return;
    }
    const rows = type === Backend.DataRow;
    const runEnd = rows ? endOfRows(data, end) : end;
    const verdict: Verdict = rows
      ? takeRows(state, data, at, runEnd)
      : takeAnswer(state, type, data.subarray(at, end));
    if (verdict !== 'pass') {
      // What came before it goes first: an answer may make the machine say something itself.
      const said = state.toClient.splice(state.toClient.length - verdict.said);
      pass(at);
      if (verdict.bytes !== null) state.toClient.push(verdict.bytes);
      state.toClient.push(...said);
      passFrom = runEnd;
    }
    at = runEnd;
  }
  if (state.ended) return;
  pass(at);
  keep(state, data, at);
}

function keep(state: SessionState, data: Buffer, at: number): void {
  const left = data.length - at;
  if (left === 0) return;
  const known = left >= FRAME_HEADER_BYTES;
  const needs = known ? data.readInt32BE(at + 1) + 1 : FRAME_HEADER_BYTES;
  if (needs > REWRITTEN_ROW_MAX) {
    const hint = 'Select fewer or shorter columns';
    endWithError(state, '54000', `a row of ${needs} bytes is too long to be masked`, hint);
    return;
  }
  state.partial.push(data.subarray(at));
  state.partialBytes = left;
  state.partialNeeds = needs;
}

/** The end of the run of whole DataRows that goes on at `at`. */
function endOfRows(data: Buffer, start: number): number {
  let at = start;
  while (data.length - at >= FRAME_HEADER_BYTES && data[at] === Backend.DataRow) {
    const length = data.readInt32BE(at + 1);
    if (headerProblem(Backend.DataRow, length, answerLimit) !== '') break;
    if (at + 1 + length > data.length) break;
    at += 1 + length;
  }
  return at;
}

function streams(state: SessionState): boolean {
  const kind = state.expected[0]?.kind;
  return (kind === 'execute' || kind === 'query') && state.running?.plan?.verbatim === true;
}

function noteStreamed(state: SessionState, bytes: number): void {
  const { running } = state;
  if (running === null) return;
  running.statementRows += 1;
  running.bytes += bytes;
}

/** The target does not keep to the protocol: nothing it says is passed on from here. */
export function brokenTarget(state: SessionState, why: string): void {
  endWithError(state, '08P01', `the target broke the protocol: ${why}`);
}
