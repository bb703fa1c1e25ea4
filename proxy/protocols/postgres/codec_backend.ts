/**
 * Messages of the server: which there are, how long, and what is in those the gateway reads.
 * A server is untrusted input as well: nothing here believes a length or a count.
 */
import { FRAME_HEADER_BYTES, type LengthLimit } from './codec_frames.ts';
import { makeFieldReader } from './codec_reader.ts';

export const Backend = {
  ParseComplete: 0x31,
  BindComplete: 0x32,
  CloseComplete: 0x33,
  NotificationResponse: 0x41,
  CommandComplete: 0x43,
  DataRow: 0x44,
  ErrorResponse: 0x45,
  CopyInResponse: 0x47,
  CopyOutResponse: 0x48,
  EmptyQueryResponse: 0x49,
  BackendKeyData: 0x4b,
  NoticeResponse: 0x4e,
  Authentication: 0x52,
  ParameterStatus: 0x53,
  RowDescription: 0x54,
  CopyBothResponse: 0x57,
  ReadyForQuery: 0x5a,
  NoData: 0x6e,
  PortalSuspended: 0x73,
  ParameterDescription: 0x74,
  NegotiateProtocolVersion: 0x76,
} as const;

/** As libpq: only the types that may be long may be longer than this (VALID_LONG_MESSAGE_TYPE). */
const SHORT_LENGTH_MAX = 30_000;
/**
 * A row: PostgreSQL's largest field is 1 GiB (manual, "PostgreSQL Limits"), and a row that nothing
 * has to be done to streams through.
 */
export const ROW_LENGTH_MAX = 0x7fffffff;
/** Messages that are read whole before they pass. */
const WHOLE_LENGTH_MAX = 16 * 1024 * 1024;
/** Before the login is over, a server has nothing long to say. */
const LOGIN_LENGTH_MAX = 30_000;

const LONG_TYPES = new Set<number>([
  Backend.ErrorResponse,
  Backend.NoticeResponse,
  Backend.NotificationResponse,
  Backend.RowDescription,
  Backend.ParameterDescription,
]);
const KNOWN_TYPES = new Set<number>(Object.values(Backend));

export const answerLimit: LengthLimit = (type) => {
  if (type === Backend.DataRow) return ROW_LENGTH_MAX;
  if (LONG_TYPES.has(type)) return WHOLE_LENGTH_MAX;
  return KNOWN_TYPES.has(type) ? SHORT_LENGTH_MAX : 0;
};

export const loginLimit: LengthLimit = (type) => (KNOWN_TYPES.has(type) ? LOGIN_LENGTH_MAX : 0);

/** Columns of one result: MaxTupleAttributeNumber is 1664; joined results have fewer too. */
const COLUMNS_MAX = 1664;

export interface ColumnDescription {
  readonly name: string;
  /** 0 where the column is not simply a table's. */
  readonly table: number;
  readonly attribute: number;
  readonly type: number;
  readonly format: number;
}

export function decodeRowDescription(frame: Buffer): readonly ColumnDescription[] | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const count = reader.int16();
  if (count < 0 || count > COLUMNS_MAX) return null;
  const columns: ColumnDescription[] = [];
  for (let left = count; left > 0 && !reader.failed(); left -= 1) {
    const name = reader.text();
    const table = reader.int32() >>> 0;
    const attribute = reader.int16();
    const type = reader.int32() >>> 0;
    reader.int16();
    reader.int32();
    columns.push({ name, table, attribute, type, format: reader.int16() });
  }
  return reader.ok() ? columns : null;
}

/** The fields of an ErrorResponse or NoticeResponse by their letters; null where it is malformed. */
export function decodeFields(frame: Buffer): ReadonlyMap<string, string> | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const fields = new Map<string, string>();
  for (let code = reader.byte(); code !== 0; code = reader.byte()) {
    fields.set(String.fromCharCode(code), reader.text());
  }
  return reader.ok() ? fields : null;
}

export function decodeParameterStatus(frame: Buffer): { name: string; value: string } | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const name = reader.text();
  const value = reader.text();
  return reader.ok() ? { name, value } : null;
}

export function decodeNotification(
  frame: Buffer,
): { process: number; channel: string; payload: string } | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const process = reader.int32();
  const channel = reader.text();
  const payload = reader.text();
  return reader.ok() ? { process, channel, payload } : null;
}

/** Text of every field of one DataRow, null for NULL; for the gateway's own questions only. */
export function decodeTextRow(frame: Buffer): readonly (string | null)[] | null {
  const reader = makeFieldReader(frame, FRAME_HEADER_BYTES);
  const values: (string | null)[] = [];
  for (let left = reader.int16(); left > 0 && !reader.failed(); left -= 1) {
    const length = reader.int32();
    values.push(length === -1 ? null : reader.bytes(length).toString('utf8'));
  }
  return reader.ok() ? values : null;
}

/** Rows that a CommandComplete tag counts: `UPDATE 3`, `INSERT 0 1`; 0 where it counts none. */
export function rowsOfTag(frame: Buffer, start: number, end: number): number {
  // The last word of the tag, walked from behind: this runs once per statement on the hot path.
  let value = 0;
  let scale = 1;
  let at = end - 2;
  for (; at >= start; at -= 1) {
    const digit = (frame[at] as number) - 0x30;
    if (digit < 0 || digit > 9) break;
    value += digit * scale;
    scale *= 10;
  }
  return frame[at] === 0x20 ? value : 0;
}
