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
  return new Reader(frame, start);
}

/** A class, because several are made for every statement: as closures they were most of a decoder's work. */
class Reader implements FieldReader {
  readonly #frame: Buffer;
  #at: number;
  #bad = false;

  constructor(frame: Buffer, start: number) {
    this.#frame = frame;
    this.#at = start;
  }

  byte(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : (this.#frame[at] as number);
  }

  int16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#frame.readInt16BE(at);
  }

  int32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#frame.readInt32BE(at);
  }

  text(): string {
    const at = this.#at;
    const end = this.#bad ? -1 : this.#frame.indexOf(0, at);
    if (end === at) {
      this.#at = end + 1;
      return '';
    }
    if (end < 0 || !isUtf8(this.#frame.subarray(at, end))) {
      this.#bad = true;
      return '';
    }
    this.#at = end + 1;
    return this.#frame.toString('utf8', at, end);
  }

  bytes(count: number): Buffer {
    const at = this.#take(count);
    return at < 0 ? EMPTY : this.#frame.subarray(at, this.#at);
  }

  rest(): Buffer {
    return this.bytes(this.#frame.length - this.#at);
  }

  ok(): boolean {
    return !this.#bad && this.#at === this.#frame.length;
  }

  failed(): boolean {
    return this.#bad;
  }

  /** Where the next `count` bytes are; -1 where there are not as many, for good. */
  #take(count: number): number {
    if (this.#bad || count < 0 || this.#frame.length - this.#at < count) {
      this.#bad = true;
      return -1;
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }
}
