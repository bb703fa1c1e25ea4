/** A bound value as text, for the record and for those who approve it. Masked before it goes anywhere. */
import { isUtf8 } from 'node:buffer';
import type { Parameter } from '../../../core/command.ts';

/** OIDs of pg_type.dat whose binary format is a number of this size. */
const INTEGERS: Readonly<Record<number, number>> = { 21: 2, 23: 4, 20: 8, 26: 4 };
const FLOATS: Readonly<Record<number, number>> = { 700: 4, 701: 8 };
const BOOL = 16;

export function parameterText(parameter: Parameter): string | null {
  const { value, type, format } = parameter;
  if (value === null) return null;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (format === 'binary') {
    if (INTEGERS[type] === bytes.length) return integerText(bytes);
    if (FLOATS[type] === bytes.length) {
      return String(bytes.length === 4 ? bytes.readFloatBE() : bytes.readDoubleBE());
    }
    if (type === BOOL && bytes.length === 1) return bytes[0] === 0 ? 'f' : 't';
  }
  return isPlainText(bytes) ? bytes.toString('utf8') : `\\x${bytes.toString('hex')}`;
}

function integerText(bytes: Buffer): string {
  if (bytes.length === 2) return String(bytes.readInt16BE());
  return bytes.length === 4 ? String(bytes.readInt32BE()) : String(bytes.readBigInt64BE());
}

/** Valid UTF-8 without control characters but white space. */
function isPlainText(bytes: Buffer): boolean {
  return isUtf8(bytes) && bytes.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}
