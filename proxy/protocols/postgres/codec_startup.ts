/**
 * The untyped packets that open a connection: StartupMessage, SSLRequest, GSSENCRequest,
 * CancelRequest (PostgreSQL manual, "Message Formats"), or a TLS ClientHello at once.
 */
import { makeFieldReader } from './codec_reader.ts';

/** MAX_STARTUP_PACKET_LENGTH of PostgreSQL's src/include/libpq/pqcomm.h. */
export const STARTUP_LENGTH_MAX = 10_000;
/** A length field and a request code. */
const STARTUP_LENGTH_MIN = 8;
const CANCEL_LENGTH = 16;
const CANCEL_CODE = 80877102;
const SSL_CODE = 80877103;
const GSSENC_CODE = 80877104;
const PROTOCOL_MAJOR = 3;
/** ContentType handshake (RFC 8446 section 5.1): what `sslnegotiation=direct` begins with. */
const TLS_HANDSHAKE = 0x16;
/** Options of a startup packet; libpq sends fewer than ten. */
const PARAMETERS_MAX = 64;

export type Opening =
  | { readonly kind: 'partial' }
  | { readonly kind: 'violation'; readonly message: string }
  | { readonly kind: 'tls-hello' }
  /** `rest`: bytes behind the request, sent before it could be answered. */
  | { readonly kind: 'ssl-request'; readonly rest: Buffer }
  | { readonly kind: 'gssenc-request'; readonly rest: Buffer }
  | { readonly kind: 'cancel-request'; readonly process: number; readonly secret: number }
  | {
      readonly kind: 'startup';
      readonly minor: number;
      readonly parameters: ReadonlyMap<string, string>;
      readonly rest: Buffer;
    };

export function readOpening(data: Buffer): Opening {
  if (data.length === 0) return { kind: 'partial' };
  if (data[0] === TLS_HANDSHAKE) return { kind: 'tls-hello' };
  if (data.length < 4) return { kind: 'partial' };
  const length = data.readInt32BE(0);
  if (length < STARTUP_LENGTH_MIN || length > STARTUP_LENGTH_MAX) {
    return { kind: 'violation', message: `invalid length of startup packet: ${length}` };
  }
  if (data.length < length) return { kind: 'partial' };
  const packet = data.subarray(0, length);
  const rest = data.subarray(length);
  const code = packet.readInt32BE(4);
  if (code === SSL_CODE || code === GSSENC_CODE) {
    if (length !== STARTUP_LENGTH_MIN) return malformed();
    return { kind: code === SSL_CODE ? 'ssl-request' : 'gssenc-request', rest };
  }
  if (code === CANCEL_CODE) {
    // The gateway speaks 3.0, where a cancellation key always has four bytes.
    if (length !== CANCEL_LENGTH) return malformed();
    return {
      kind: 'cancel-request',
      process: packet.readInt32BE(8),
      secret: packet.readInt32BE(12),
    };
  }
  return readStartup(packet, code, rest);
}

function readStartup(packet: Buffer, code: number, rest: Buffer): Opening {
  const major = code >>> 16;
  if (major !== PROTOCOL_MAJOR) {
    return {
      kind: 'violation',
      message: `unsupported frontend protocol ${major}.${code & 0xffff}`,
    };
  }
  const parameters = new Map<string, string>();
  const reader = makeFieldReader(packet, STARTUP_LENGTH_MIN);
  for (let name = reader.text(); name !== ''; name = reader.text()) {
    const value = reader.text();
    // Two values for one name mean different things to different readers: neither is taken.
    if (parameters.has(name) || parameters.size === PARAMETERS_MAX) return malformed();
    parameters.set(name, value);
  }
  if (!reader.ok()) return malformed();
  return { kind: 'startup', minor: code & 0xffff, parameters, rest };
}

function malformed(): Opening {
  return { kind: 'violation', message: 'invalid startup packet layout' };
}
