/** Messages as a server sends them, well formed or not, for tests that play the server. */

export function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(body.length + 4), body]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'utf8');

/** A type byte and a length, and nothing of what it promises. */
export const header = (type: string, length: number): Buffer =>
  Buffer.concat([Buffer.from(type, 'latin1'), int32(length)]);

export function dataRow(...values: readonly (string | null)[]): Buffer {
  const fields = values.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = Buffer.from(value, 'utf8');
    return [int32(bytes.length), bytes];
  });
  return message('D', int16(values.length), ...fields);
}

export interface Column {
  readonly name: string;
  readonly table?: number;
  readonly attribute?: number;
  readonly type?: number;
}

export function rowDescription(...columns: readonly Column[]): Buffer {
  const fields = columns.flatMap(({ name, table = 0, attribute = 0, type = 25 }) => [
    text(name),
    int32(table),
    int16(attribute),
    int32(type),
    int16(-1),
    int32(-1),
    int16(0),
  ]);
  return message('T', int16(columns.length), ...fields);
}

/** `fields` by their letters. */
export function errorMessage(fields: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(fields).map(([code, value]) => text(`${code}${value}`));
  return message('E', ...parts, Buffer.alloc(1));
}

export const ready = (status: string): Buffer => message('Z', Buffer.from(status, 'latin1'));
export const complete = (tag: string): Buffer => message('C', text(tag));
export const authentication = (code: number, data = ''): Buffer =>
  message('R', int32(code), Buffer.from(data, 'utf8'));
export const parameter = (name: string, value: string): Buffer =>
  message('S', text(name), text(value));
