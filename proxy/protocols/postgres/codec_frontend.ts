/** Messages of the client after the login: which there are, how long, and what is in them. */
import type { Parameter } from '../../../core/command.ts';
import { FRAME_HEADER_BYTES, type LengthLimit } from './codec_frames.ts';
import { type FieldReader, makeFieldReader } from './codec_reader.ts';

/** PQ_SMALL_MESSAGE_LIMIT of PostgreSQL's src/include/libpq/libpq.h. */
const SMALL_LENGTH_MAX = 10_000;
/** PG_MAX_AUTH_TOKEN_LENGTH of PostgreSQL's src/include/libpq/auth.h. */
export const PASSWORD_LENGTH_MAX = 65_535;
/**
 * Query, Parse, Bind. PostgreSQL takes 1 GiB less one byte; here a message is held in memory while it
 * is judged, and the limit bounds what one connection can make the gateway hold.
 */
export const STATEMENT_LENGTH_MAX = 64 * 1024 * 1024;

export const Frontend = {
  Bind: 0x42,
  Close: 0x43,
  Describe: 0x44,
  Execute: 0x45,
  FunctionCall: 0x46,
  Flush: 0x48,
  Parse: 0x50,
  Query: 0x51,
  Sync: 0x53,
  Terminate: 0x58,
  CopyDone: 0x63,
  CopyData: 0x64,
  CopyFail: 0x66,
  Password: 0x70,
} as const;

const SESSION_LIMITS = new Map<number, number>([
  [Frontend.Bind, STATEMENT_LENGTH_MAX],
  [Frontend.Close, SMALL_LENGTH_MAX],
  [Frontend.Describe, SMALL_LENGTH_MAX],
  [Frontend.Execute, SMALL_LENGTH_MAX],
  // Refused when it comes, in words; its length is bounded like any other's.
  [Frontend.FunctionCall, SMALL_LENGTH_MAX],
  [Frontend.Flush, 4],
  [Frontend.Parse, STATEMENT_LENGTH_MAX],
  [Frontend.Query, STATEMENT_LENGTH_MAX],
  [Frontend.Sync, 4],
  [Frontend.Terminate, 4],
]);

/** After the login. COPY data has no place: no COPY is ever let through. */
export const sessionLimit: LengthLimit = (type) => SESSION_LIMITS.get(type) ?? 0;
/** During the login one message is expected, and nothing else. */
export const passwordLimit: LengthLimit = (type) =>
  type === Frontend.Password ? PASSWORD_LENGTH_MAX : 0;

export interface ParseMessage {
  readonly statement: string;
  readonly text: string;
  readonly types: readonly number[];
}

export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  readonly formats: readonly number[];
  readonly values: readonly (Buffer | null)[];
  readonly resultFormats: readonly number[];
}

export interface NamedMessage {
  readonly target: 'statement' | 'portal';
  readonly name: string;
}

export interface ExecuteMessage {
  readonly portal: string;
  /** 0: all of them. */
  readonly maxRows: number;
}

/** null: malformed. So for every decoder here. */
export function decodeText(frame: Buffer): string | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const text = reader.text();
  return reader.ok() ? text : null;
}

export function decodeParse(frame: Buffer): ParseMessage | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const statement = reader.text();
  const text = reader.text();
  const types = int32s(reader, reader.int16());
  return reader.ok() ? { statement, text, types } : null;
}

export function decodeBind(frame: Buffer): BindMessage | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const portal = reader.text();
  const statement = reader.text();
  const formats = formatCodes(reader);
  const values: (Buffer | null)[] = [];
  for (let left = reader.int16(); left > 0 && !reader.failed(); left -= 1) {
    const length = reader.int32();
    // -1 is NULL; any other negative length is refused by the reader.
    values.push(length === -1 ? null : reader.bytes(length));
  }
  const resultFormats = formatCodes(reader);
  const fits = formats.length <= 1 || formats.length === values.length;
  return reader.ok() && fits ? { portal, statement, formats, values, resultFormats } : null;
}

/** Describe and Close. */
export function decodeNamed(frame: Buffer): NamedMessage | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const code = reader.byte();
  const name = reader.text();
  if (!reader.ok() || (code !== 0x53 && code !== 0x50)) return null;
  return { target: code === 0x53 ? 'statement' : 'portal', name };
}

export function decodeExecute(frame: Buffer): ExecuteMessage | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const portal = reader.text();
  const maxRows = reader.int32();
  return reader.ok() ? { portal, maxRows } : null;
}

/** One format code stands for all, none for text (manual, Bind). */
export function parametersOf(bind: BindMessage, types: readonly number[]): readonly Parameter[] {
  if (bind.values.length === 0) return [];
  return bind.values.map((value, index) => ({
    type: types[index] ?? 0,
    format: (bind.formats[index] ?? bind.formats[0] ?? 0) === 1 ? 'binary' : 'text',
    value,
  }));
}

function formatCodes(reader: FieldReader): readonly number[] {
  const codes: number[] = [];
  for (let left = reader.int16(); left > 0 && !reader.failed(); left -= 1) {
    const code = reader.int16();
    // 0 text, 1 binary; anything else is malformed, which reading below zero bytes records.
    if (code !== 0 && code !== 1) reader.bytes(-1);
    codes.push(code);
  }
  return codes;
}

function int32s(reader: FieldReader, count: number): readonly number[] {
  const values: number[] = [];
  for (let left = count; left > 0 && !reader.failed(); left -= 1) values.push(reader.int32() >>> 0);
  return values;
}
