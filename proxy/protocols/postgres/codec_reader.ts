/**
 * Reads fields out of one message and never past its end. A field that does not fit makes the whole
 * message malformed: `ok()` is asked once, at the end, so that decoders read like the manual.
 */
import { isUtf8 } from 'node:buffer';

export interface FieldReader {
  readonly byte: () => number;
  readonly int16: () => number;
  readonly int32: () => number;
  /** Up to a NUL; valid UTF-8 only, for that is the session's forced client_encoding. */
  readonly text: () => string;
  readonly bytes: (count: number) => Buffer;
  /** Everything that is left. */
  readonly rest: () => Buffer;
  /** True where every field fitted and nothing is left over. */
  readonly ok: () => boolean;
  readonly failed: () => boolean;
}

const EMPTY = Buffer.alloc(0);

export function makeFieldReader(frame: Buffer, start: number): FieldReader {
  let at = start;
  let bad = false;
  const room = (count: number): boolean => {
    if (!bad && count >= 0 && frame.length - at >= count) return true;
    bad = true;
    return false;
  };
  const advance = (count: number): number => {
    const from = at;
    at += count;
    return from;
  };
  return {
    byte: () => (room(1) ? (frame[advance(1)] as number) : 0),
    int16: () => (room(2) ? frame.readInt16BE(advance(2)) : 0),
    int32: () => (room(4) ? frame.readInt32BE(advance(4)) : 0),
    text: () => {
      const end = bad ? -1 : frame.indexOf(0, at);
      if (end < 0 || !isUtf8(frame.subarray(at, end))) {
        bad = true;
        return '';
      }
      const text = frame.toString('utf8', at, end);
      at = end + 1;
      return text;
    },
    bytes: (count) => {
      if (!room(count)) return EMPTY;
      const from = advance(count);
      return frame.subarray(from, at);
    },
    rest: () => frame.subarray(advance(frame.length - at)),
    ok: () => !bad && at === frame.length,
    failed: () => bad,
  };
}
