/**
 * One byte string for one plain value, and never the same for two: what digests are taken over.
 *
 * Every value is a tag, a length and its content, so nothing can be moved from one field into its
 * neighbour. Records are sorted by key; a record and a list never look alike. Strings are written as
 * UTF-16 code units, not UTF-8: an encoder would turn every lone surrogate into the same U+FFFD.
 */
export type Canonical =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Canonical[]
  | { readonly [key: string]: Canonical };

const TAG = {
  null: 0,
  false: 1,
  true: 2,
  number: 3,
  text: 4,
  bytes: 5,
  list: 6,
  record: 7,
} as const;

/** Bytes of a tag and of the length (or count) that follows it: 1 and a 32-bit integer. */
const HEADER_BYTES = 5;

export function canonicalBytes(value: Canonical): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return concatenate(parts);
}

function write(value: Canonical, parts: Uint8Array[]): void {
  if (value === null) parts.push(header(TAG.null, 0));
  else if (typeof value === 'boolean') parts.push(header(value ? TAG.true : TAG.false, 0));
  else if (typeof value === 'number') writeBytes(TAG.number, numberBytes(value), parts);
  else if (typeof value === 'string') writeBytes(TAG.text, utf16(value), parts);
  else if (value instanceof Uint8Array) writeBytes(TAG.bytes, value, parts);
  else if (isList(value)) writeList(value, parts);
  else writeRecord(value, parts);
}

function writeList(list: readonly Canonical[], parts: Uint8Array[]): void {
  parts.push(header(TAG.list, list.length));
  for (const item of list) write(item, parts);
}

function writeRecord(record: { readonly [key: string]: Canonical }, parts: Uint8Array[]): void {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  parts.push(header(TAG.record, entries.length));
  for (const [key, value] of entries) {
    write(key, parts);
    write(value, parts);
  }
}

/** `Array.isArray` does not narrow a readonly array out of a union. */
function isList(value: Canonical): value is readonly Canonical[] {
  return Array.isArray(value);
}

function writeBytes(tag: number, bytes: Uint8Array, parts: Uint8Array[]): void {
  parts.push(header(tag, bytes.length), bytes);
}

function header(tag: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes[0] = tag;
  new DataView(bytes.buffer).setUint32(1, length);
  return bytes;
}

/** The eight bytes of an IEEE 754 double: every number has its own, -0 and 0 too. */
function numberBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i += 1) view.setUint16(i * 2, text.charCodeAt(i));
  return bytes;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
