/** Messages that the gateway makes itself, towards either side. */

const SYNC = frame('S', Buffer.alloc(0));
const FLUSH = frame('H', Buffer.alloc(0));
const TERMINATE = frame('X', Buffer.alloc(0));
/** No client can have a statement of this name executed: it is never parsed. It shows in server logs. */
const REFUSED_STATEMENT = 'sallyport: refused by the gateway';

export interface ErrorFields {
  readonly severity: 'ERROR' | 'FATAL' | 'NOTICE' | 'WARNING';
  /** SQLSTATE, five characters (manual, appendix "PostgreSQL Error Codes"). */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Characters from 1 into the statement. */
  readonly position?: number;
}

export function errorResponse(fields: ErrorFields): Buffer {
  return frame('E', fieldBytes(fields));
}

export function noticeResponse(fields: ErrorFields): Buffer {
  return frame('N', fieldBytes(fields));
}

export function readyForQuery(status: 'I' | 'T' | 'E'): Buffer {
  return frame('Z', Buffer.from(status, 'latin1'));
}

export const authenticationOk = (): Buffer => frame('R', int32(0));
export const authenticationCleartextPassword = (): Buffer => frame('R', int32(3));

export function parameterStatus(name: string, value: string): Buffer {
  return frame('S', cstring(name), cstring(value));
}

export function backendKeyData(process: number, secret: number): Buffer {
  return frame('K', int32(process), int32(secret));
}

/** The newest minor version spoken here is 0; the options are those that were not understood. */
export function negotiateProtocolVersion(options: readonly string[]): Buffer {
  return frame('v', int32(0), int32(options.length), ...options.map(cstring));
}

export function notificationResponse(process: number, channel: string, payload: string): Buffer {
  return frame('A', int32(process), cstring(channel), cstring(payload));
}

/** A message rebuilt from single-letter fields. */
export function fieldsFrame(type: 'E' | 'N', fields: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = [];
  for (const [code, value] of fields) parts.push(Buffer.from(code, 'latin1'), cstring(value));
  return frame(type, ...parts, Buffer.alloc(1));
}

export const sync = (): Buffer => SYNC;
export const flush = (): Buffer => FLUSH;
export const terminate = (): Buffer => TERMINATE;
export const query = (text: string): Buffer => frame('Q', cstring(text));
export const describePortal = (name: string): Buffer => frame('D', Buffer.from('P'), cstring(name));

export function close(target: 'statement' | 'portal', name: string): Buffer {
  return frame('C', Buffer.from(target === 'statement' ? 'S' : 'P', 'latin1'), cstring(name));
}

export function parse(statement: string, text: string, types: readonly number[]): Buffer {
  return frame('P', cstring(statement), cstring(text), int16(types.length), ...types.map(int32));
}

/**
 * A Bind that must fail: the server then agrees that the transaction, open or implicit, has failed,
 * and skips to the next Sync. It changes nothing else, not even the unnamed statement.
 */
export function failingBind(): Buffer {
  return frame('B', cstring(''), cstring(REFUSED_STATEMENT), int16(0), int16(0), int16(0));
}

export function startup(parameters: ReadonlyMap<string, string>): Buffer {
  const pairs = [...parameters].flatMap(([name, value]) => [cstring(name), cstring(value)]);
  return untyped(int32(3 << 16), ...pairs, Buffer.alloc(1));
}

export const sslRequest = (): Buffer => untyped(int32(80877103));

export function cancelRequest(process: number, secret: Uint8Array): Buffer {
  return untyped(int32(80877102), int32(process), Buffer.from(secret));
}

export function saslInitialResponse(mechanism: string, data: string): Buffer {
  const bytes = Buffer.from(data, 'utf8');
  return frame('p', cstring(mechanism), int32(bytes.length), bytes);
}

export const saslResponse = (data: string): Buffer => frame('p', Buffer.from(data, 'utf8'));
export const passwordMessage = (text: string): Buffer => frame('p', cstring(text));

function fieldBytes(fields: ErrorFields): Buffer {
  const pairs: (readonly [string, string | undefined])[] = [
    ['S', fields.severity],
    ['V', fields.severity],
    ['C', fields.code],
    ['M', fields.message],
    ['D', fields.detail],
    ['H', fields.hint],
    ['P', fields.position === undefined ? undefined : String(fields.position)],
  ];
  const parts: Buffer[] = [];
  for (const [code, value] of pairs) {
    if (value !== undefined && value !== '')
      parts.push(Buffer.from(code, 'latin1'), cstring(value));
  }
  parts.push(Buffer.alloc(1));
  return Buffer.concat(parts);
}

/** A NUL inside would end the field early and let the rest be read as something else. */
function cstring(text: string): Buffer {
  return Buffer.from(`${text.replaceAll('\0', '\ufffd')}\0`, 'utf8');
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

function frame(type: string, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(type, 'latin1'), untyped(...parts)]);
}

function untyped(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 4), body]);
}
