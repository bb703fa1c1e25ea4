/**
 * Typed messages: one type byte, an Int32 length that counts itself, a body (PostgreSQL manual,
 * "Message Formats"). Lengths are judged before anything is kept; what is kept is joined once.
 */

export const FRAME_HEADER_BYTES = 5;
/** The length field counts itself. */
const LENGTH_MIN = 4;

export type FrameRead =
  | { readonly kind: 'frame'; readonly type: number; readonly bytes: Buffer }
  | { readonly kind: 'partial' }
  | { readonly kind: 'violation'; readonly message: string };

export interface FrameReader {
  readonly push: (chunk: Uint8Array) => void;
  /** `bytes` is the whole frame, header and all, and is never written to again. */
  readonly next: () => FrameRead;
  /** Bytes kept and not yet handed out. */
  readonly size: () => number;
  /** Takes out what is kept, unread: the next phase's bytes. */
  readonly rest: () => Buffer;
}

/** Largest value of the length field for a type byte; 0 refuses the type. */
export type LengthLimit = (type: number) => number;

const PARTIAL: FrameRead = { kind: 'partial' };

/** What is wrong with a header, or '' for nothing. */
export function headerProblem(type: number, length: number, limit: LengthLimit): string {
  const maximum = limit(type);
  if (maximum === 0) return `invalid message type ${type}`;
  if (length < LENGTH_MIN || length > maximum) {
    return `invalid length ${length} of message type ${type}, from ${LENGTH_MIN} to ${maximum} allowed`;
  }
  return '';
}

export function makeFrameReader(limit: LengthLimit): FrameReader {
  const chunks: Buffer[] = [];
  let kept = 0;
  let offset = 0;

  /** Makes sure that `count` bytes lie together at `offset` of the first chunk. */
  const joined = (count: number): Buffer | null => {
    if (kept < count) return null;
    const first = chunks[0];
    if (first !== undefined && first.length - offset >= count) return first;
    const rest = first === undefined ? [] : [first.subarray(offset), ...chunks.slice(1)];
    const all = Buffer.concat(rest, kept);
    chunks.length = 0;
    chunks.push(all);
    offset = 0;
    return all;
  };

  const take = (first: Buffer, count: number): Buffer => {
    const bytes = first.subarray(offset, offset + count);
    offset += count;
    kept -= count;
    if (offset === first.length) {
      chunks.shift();
      offset = 0;
    }
    return bytes;
  };

  return {
    push: (chunk) => {
      if (chunk.length === 0) return;
      chunks.push(asBuffer(chunk));
      kept += chunk.length;
    },
    next: () => {
      const head = joined(FRAME_HEADER_BYTES);
      if (head === null) return PARTIAL;
      const type = head[offset] as number;
      const length = head.readInt32BE(offset + 1);
      const problem = headerProblem(type, length, limit);
      if (problem !== '') return { kind: 'violation', message: problem };
      const whole = joined(length + 1);
      if (whole === null) return PARTIAL;
      return { kind: 'frame', type, bytes: take(whole, length + 1) };
    },
    size: () => kept,
    rest: () => {
      const left = joined(kept)?.subarray(offset) ?? Buffer.alloc(0);
      chunks.length = 0;
      kept = 0;
      offset = 0;
      return left;
    },
  };
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
