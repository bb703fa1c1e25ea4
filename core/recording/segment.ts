/**
 * Segments: the chunks of a session's recording, for replay and for proof. NDJSON, one event a line.
 *
 *   recordings/dt=<the session's first day>/<session>/<first seq>-<last seq>-<digest>.ndjson.zst
 *   recordings/dt=<the session's first day>/<session>/manifest.json
 *
 * The day comes out of the session's id, not out of the event: a session that crosses midnight, or lasts
 * for days, stays under one prefix that anyone can derive from its id alone. The digest (of the NDJSON)
 * is part of the name because batches overlap when delivery is repeated: two segments of equal range
 * need not be equal, and a write-once key must never turn the second one away.
 */
import * as v from 'valibot';
import { SessionId } from '../brand.ts';
import { GatewayError } from '../errors.ts';
import type { Sha256 } from './chain.ts';
import { dateOf } from './columns.ts';
import { RecordedEvent } from './event.ts';

export const RECORDINGS = 'recordings/';
export const EVENTS = 'events/';
/** Records that the archive could not take, as they came. */
export const QUARANTINE = 'quarantine/';

/** Digits of a sequence number in a key: keys sort like numbers up to a billion events a session. */
const SEQ_DIGITS = 9;
/** Hexadecimal digits of the content's SHA-256 in a key: 64 bits, enough to tell a few segments apart. */
const DIGEST_DIGITS = 16;
/** Longest date that a ULID can say and a JavaScript Date can hold. */
const EPOCH_MS_MAX = 8.64e15;

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ULID_TIME_CHARACTERS = 10;

const SEGMENT_KEY =
  /^recordings\/dt=(\d{4}-\d{2}-\d{2})\/(ses_[0-9A-HJKMNP-TV-Z]{26})\/(\d{9,15})-(\d{9,15})-([0-9a-f]{16})\.ndjson\.zst$/;
const MANIFEST_KEY =
  /^recordings\/dt=(\d{4}-\d{2}-\d{2})\/(ses_[0-9A-HJKMNP-TV-Z]{26})\/manifest\.json$/;

/** The instant that is written in a session's id (ULID: 48 bits of milliseconds in base 32). */
export function sessionStart(session: SessionId): number {
  let at = 0;
  for (const character of session.slice(4, 4 + ULID_TIME_CHARACTERS)) {
    at = at * 32 + CROCKFORD.indexOf(character);
  }
  return Math.min(at, EPOCH_MS_MAX);
}

/** The prefix under which everything of a session's recording lies. */
export function recordingPrefix(session: SessionId): string {
  return `${RECORDINGS}dt=${dateOf(sessionStart(session))}/${session}/`;
}

export function manifestKey(session: SessionId): string {
  return `${recordingPrefix(session)}manifest.json`;
}

export interface Segment {
  readonly key: string;
  /** NDJSON, not compressed yet. */
  readonly text: string;
}

/** One segment of events of one session; `lines` are their stored lines, `events` the same, decoded. */
export function makeSegment(
  sha256: Sha256,
  session: SessionId,
  entries: readonly { readonly seq: number; readonly line: string }[],
): Segment {
  const ordered = entries.toSorted((a, b) => a.seq - b.seq);
  const text = ordered.map(({ line }) => `${line}\n`).join('');
  const pad = (seq: number) => String(seq).padStart(SEQ_DIGITS, '0');
  const range = `${pad(ordered[0]?.seq ?? 0)}-${pad(ordered.at(-1)?.seq ?? 0)}`;
  const digest = sha256(text).slice(0, DIGEST_DIGITS);
  return { key: `${recordingPrefix(session)}${range}-${digest}.ndjson.zst`, text };
}

export type RecordingKey =
  | { readonly kind: 'segment'; readonly session: SessionId; readonly digest: string }
  | { readonly kind: 'manifest'; readonly session: SessionId };

/** What a key under `recordings/` names; null where the archiver never writes such a key. */
export function parseRecordingKey(key: string): RecordingKey | null {
  const segment = SEGMENT_KEY.exec(key);
  if (segment?.[2] !== undefined && segment[5] !== undefined) {
    const session = v.parse(SessionId, segment[2]);
    if (!key.startsWith(recordingPrefix(session))) return null;
    return { kind: 'segment', session, digest: segment[5] };
  }
  const manifest = MANIFEST_KEY.exec(key);
  if (manifest?.[2] === undefined) return null;
  const session = v.parse(SessionId, manifest[2]);
  return key === manifestKey(session) ? { kind: 'manifest', session } : null;
}

/** Whether a segment's content is what its key says. */
export function segmentMatches(sha256: Sha256, digest: string, text: string): boolean {
  return sha256(text).slice(0, DIGEST_DIGITS) === digest;
}

/**
 * One stored line to its event.
 * @throws GatewayError ERR_ARCHIVE_CORRUPT
 */
export function parseLine(line: string): RecordedEvent {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    // Rethrown as what it means to the reader: the line is not ours, or was damaged.
    throw new GatewayError('ERR_ARCHIVE_CORRUPT', 'A recorded line is not JSON', { cause });
  }
  const parsed = v.safeParse(RecordedEvent, json);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  throw new GatewayError(
    'ERR_ARCHIVE_CORRUPT',
    `A recorded line is not an event: ${v.getDotPath(issue) ?? 'line'}: expected ${issue.expected ?? issue.type}`,
  );
}

export function parseSegment(text: string): readonly RecordedEvent[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}
