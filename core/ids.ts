/**
 * Minting of identifiers. The clock and the randomness are handed in: core has neither.
 * ULID as in github.com/ulid/spec: 48 bits of time and 80 bits of randomness in Crockford's base 32,
 * so that identifiers sort by the time they were minted at.
 */
import * as v from 'valibot';
import { CommandId, type EpochMs, RequestId, SessionId } from './brand.ts';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

/** Bytes of randomness that one identifier takes: 80 bits. */
export const ID_RANDOM_BYTES = 10;

export interface IdSource {
  readonly now: () => EpochMs;
  /** Cryptographically strong random bytes, as many as asked for. */
  readonly random: (count: number) => Uint8Array;
}

export interface Ids {
  readonly session: () => SessionId;
  readonly request: () => RequestId;
}

export function makeIds(source: IdSource): Ids {
  const ulid = () => encodeTime(source.now()) + encodeRandom(source.random(ID_RANDOM_BYTES));
  return {
    session: () => v.parse(SessionId, `ses_${ulid()}`),
    request: () => v.parse(RequestId, `apr_${ulid()}`),
  };
}

/** The id of the `ordinal`-th command of a session, counted from 1. */
export function commandId(session: SessionId, ordinal: number): CommandId {
  return v.parse(CommandId, `${session}.${ordinal}`);
}

function encodeTime(now: EpochMs): string {
  let rest: number = now;
  let text = '';
  for (let i = 0; i < TIME_CHARACTERS; i += 1) {
    text = CROCKFORD.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function encodeRandom(bytes: Uint8Array): string {
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let i = 0; i < RANDOM_CHARACTERS; i += 1) {
    text = CROCKFORD.charAt(Number(bits & 31n)) + text;
    bits >>= 5n;
  }
  return text;
}
