/**
 * A spooled line: eight hexadecimal digits of CRC-32 over the text, a space, the text, a newline.
 * Text is JSON, which never contains a raw newline, so a damaged line costs itself and no other.
 */
import { crc32 } from 'node:zlib';

const NEWLINE = 0x0a;
const CRC_DIGITS = 8;
/** CRC, space and newline. */
export const FRAME_BYTES = CRC_DIGITS + 2;

/** Encoded once: everything that follows, to the disk and to the stream, moves these bytes. */
export function frame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(length + FRAME_BYTES);
  const end = CRC_DIGITS + 1 + bytes.write(text, CRC_DIGITS + 1, 'utf8');
  const crc = crc32(bytes.subarray(CRC_DIGITS + 1, end));
  bytes.write(`${crc.toString(16).padStart(CRC_DIGITS, '0')} `, 0, 'latin1');
  bytes[end] = NEWLINE;
  return bytes;
}

export interface Frames {
  /** Intact texts, UTF-8, in order. */
  readonly texts: readonly Buffer[];
  /** Lines whose checksum is wrong. */
  readonly corrupt: readonly Uint8Array[];
  /** Bytes consumed: up to and including the last newline. What follows is a torn tail, or not written yet. */
  readonly consumed: number;
}

export function unframe(bytes: Buffer): Frames {
  const texts: Buffer[] = [];
  const corrupt: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const line = bytes.subarray(start, end);
    const text = line.subarray(CRC_DIGITS + 1);
    const stated = line.toString('latin1', 0, CRC_DIGITS);
    const actual = crc32(text).toString(16).padStart(CRC_DIGITS, '0');
    if (stated === actual) texts.push(text);
    else corrupt.push(line);
    start = end + 1;
  }
  return { texts, corrupt, consumed: start };
}
