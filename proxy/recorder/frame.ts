/**
 * A spooled line: eight hexadecimal digits of CRC-32 over the text, a space, the text, a newline.
 * Text is JSON, which never contains a raw newline, so a damaged line costs itself and no other.
 */
import { crc32 } from 'node:zlib';

const NEWLINE = 0x0a;
const CRC_DIGITS = 8;
/** CRC, space and newline. */
export const FRAME_BYTES = CRC_DIGITS + 2;

export function frame(text: string): string {
  return `${crc32(text).toString(16).padStart(CRC_DIGITS, '0')} ${text}\n`;
}

export interface Frames {
  /** Intact texts, in order. */
  readonly texts: readonly string[];
  /** Lines whose checksum is wrong. */
  readonly corrupt: readonly Uint8Array[];
  /** Bytes consumed: up to and including the last newline. What follows is a torn tail, or not written yet. */
  readonly consumed: number;
}

export function unframe(bytes: Buffer): Frames {
  const texts: string[] = [];
  const corrupt: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const line = bytes.subarray(start, end);
    const text = line.subarray(CRC_DIGITS + 1);
    const stated = line.toString('latin1', 0, CRC_DIGITS);
    const actual = crc32(text).toString(16).padStart(CRC_DIGITS, '0');
    if (stated === actual) texts.push(text.toString('utf8'));
    else corrupt.push(line);
    start = end + 1;
  }
  return { texts, corrupt, consumed: start };
}
