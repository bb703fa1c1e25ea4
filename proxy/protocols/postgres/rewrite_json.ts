/**
 * Replaces stretches of a JSON text so that it stays JSON: inside a string, by characters; a number,
 * whole, by a string. Where a stretch does not fit into one token, the whole value goes.
 */
import type { Hit } from '../../../core/masking/detect.ts';
import { MASK_TEXT } from '../../../core/masking/mask.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LOWER_U = 0x75;
const WHOLE = Buffer.from(JSON.stringify(MASK_TEXT), 'latin1');
const INSIDE = Buffer.from(MASK_TEXT, 'latin1');

export function replaceInJson(value: Buffer, hits: readonly Hit[]): Buffer {
  const parts: Buffer[] = [];
  let copied = 0;
  let next = 0;
  let at = 0;
  while (at < value.length && next < hits.length) {
    const end = tokenEnd(value, at);
    const isString = value[at] === QUOTE;
    const first = next;
    while (next < hits.length && (hits[next] as Hit).start < end) next += 1;
    const touching = hits.slice(first, next);
    // Brackets, commas and white space hold the value together: without one it is no value.
    const holds = isString || isWord(value[at] as number);
    if (!holds && touching.length > 0) return WHOLE;
    if (touching.some((hit) => hit.end > end || hit.start < at)) return WHOLE;
    if (touching.length > 0) {
      parts.push(value.subarray(copied, at));
      const token = value.subarray(at, end);
      parts.push(isString ? replaceInString(token, touching, at) : WHOLE);
      copied = end;
    }
    at = end;
  }
  parts.push(value.subarray(copied));
  return Buffer.concat(parts);
}

/** A string with its quotes, a run of number or word characters, or one byte of anything else. */
function tokenEnd(value: Buffer, start: number): number {
  let at = start;
  if (value[at] === QUOTE) {
    for (at += 1; at < value.length && value[at] !== QUOTE; at = unitEnd(value, at));
    return Math.min(at + 1, value.length);
  }
  while (at < value.length && isWord(value[at] as number)) at += 1;
  return Math.max(at, start + 1);
}

/** `+`, `-`, `.`, digits, letters: what numbers, true, false and null are made of. */
function isWord(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e
  );
}

/** The end of one unit of a string: an escape (RFC 8259 section 7), a UTF-8 sequence, or a byte. */
function unitEnd(value: Buffer, at: number): number {
  if (value[at] === BACKSLASH) return at + (value[at + 1] === LOWER_U ? 6 : 2);
  let end = at + 1;
  while (end < value.length && ((value[end] as number) & 0xc0) === 0x80) end += 1;
  return end;
}

/** Whole units only: half of an escape left behind would swallow what follows it. */
function replaceInString(token: Buffer, hits: readonly Hit[], offset: number): Buffer {
  const parts: Buffer[] = [];
  let index = 0;
  let copied = 0;
  let masking = false;
  for (let at = 1; at < token.length - 1; ) {
    const end = Math.min(unitEnd(token, at), token.length - 1);
    while (index < hits.length && (hits[index] as Hit).end - offset <= at) {
      index += 1;
      masking = false;
    }
    const hit = hits[index];
    if (hit !== undefined && hit.start - offset < end) {
      if (copied < at) parts.push(token.subarray(copied, at));
      if (!masking) parts.push(INSIDE);
      masking = true;
      copied = end;
    }
    at = end;
  }
  // A hit that took the quotes along has masked what lies between them.
  parts.push(token.subarray(copied));
  return Buffer.concat(parts);
}
