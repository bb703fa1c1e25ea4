/** Sessions of an archive: which there are, and the events of one, whole and in order. */
import { zstdDecompressSync } from 'node:zlib';
import * as v from 'valibot';
import { SessionId } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import { type ChainFault, checkChain } from '../../core/recording/chain.ts';
import type { RecordedEvent, Who } from '../../core/recording/event.ts';
import { Manifest } from '../../core/recording/manifest.ts';
import {
  manifestKey,
  parseRecordingKey,
  parseSegment,
  RECORDINGS,
  recordingPrefix,
  segmentMatches,
  sessionStart,
} from '../../core/recording/segment.ts';
import type { ArchiveReader } from '../../core/recording/verify.ts';
import { sha256Native } from '../../functions/archive/sha256.ts';
import { timelineOf } from './timeline.ts';

/**
 * Largest segment that is unpacked, bytes. One holds the events of one stream batch, and a batch is
 * at most 6 MB (the Lambda quota for an invocation's payload), so a larger one is not ours.
 */
const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;

export interface Recording {
  readonly session: SessionId;
  /** Ordered by seq, each once. At least one. */
  readonly events: readonly RecordedEvent[];
  /** What is wrong with it, a sentence each; empty for a sound recording. */
  readonly problems: readonly string[];
}

/** Newest first: a session's id begins with its time. */
export async function listSessions(archive: ArchiveReader): Promise<readonly SessionId[]> {
  const sessions = new Set<SessionId>();
  for await (const { key } of archive.list(RECORDINGS)) {
    const parsed = parseRecordingKey(key);
    if (parsed !== null) sessions.add(parsed.session);
  }
  return [...sessions].sort().reverse();
}

/**
 * The session that a person means: its id, the beginning or the end of it, or `last`.
 * @throws GatewayError ERR_NOT_FOUND where that is none, or more than one
 */
export async function findSession(archive: ArchiveReader, wanted: string): Promise<SessionId> {
  const hint = 'List them with: sallyport sessions';
  const exact = v.safeParse(SessionId, wanted);
  // Asked for by its id, it is looked up by its prefix: no need to list a large archive.
  if (exact.success && (await keysOf(archive, exact.output)).length > 0) return exact.output;
  const sessions = await listSessions(archive);
  const found =
    wanted === 'last'
      ? sessions.slice(0, 1)
      : sessions.filter((id) => id.startsWith(wanted) || id.endsWith(wanted));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const why = found.length === 0 ? 'there is none' : `it could be any of ${found.length}`;
  throw new GatewayError('ERR_NOT_FOUND', `Cannot find the session "${wanted}": ${why}`, { hint });
}

export interface ListedSession {
  readonly session: SessionId;
  /** Null, like `commands`, where nothing of it can be read. */
  readonly who: Who | null;
  readonly startedAt: number;
  /** Null while it is open. */
  readonly endedAt: number | null;
  readonly commands: number | null;
  readonly state: 'open' | 'ended' | 'unreadable';
  /** Why it ended, or cannot be read; '' while it is open. */
  readonly reason: string;
}

/** One line of the list: from the manifest alone where there is one, so that long sessions cost nothing. */
export async function listedSession(
  archive: ArchiveReader,
  session: SessionId,
): Promise<ListedSession> {
  const startedAt = sessionStart(session);
  try {
    const manifest = await readManifest(archive, session);
    if (manifest !== null) {
      const { who, endedAt, commands, reason } = manifest;
      return { session, who, startedAt, endedAt, commands, state: 'ended', reason };
    }
    const { who, endedAt, commands, reason } = timelineOf(await loadRecording(archive, session));
    const state = endedAt === null ? 'open' : 'ended';
    return { session, who, startedAt, endedAt, commands, state, reason };
  } catch (error) {
    // One damaged session must not hide the others; it is listed as what it is.
    const reason = error instanceof Error ? error.message : String(error);
    const unknown = { who: null, endedAt: null, commands: null } as const;
    return { session, startedAt, ...unknown, state: 'unreadable', reason };
  }
}

async function readManifest(archive: ArchiveReader, session: SessionId): Promise<Manifest | null> {
  const bytes = await archive.get(manifestKey(session));
  return bytes === null ? null : v.parse(Manifest, JSON.parse(Buffer.from(bytes).toString('utf8')));
}

/**
 * Reads on past damage, and says what it met: half a recording is still evidence.
 * @throws GatewayError ERR_ARCHIVE_CORRUPT where not one event can be read
 */
export async function loadRecording(
  archive: ArchiveReader,
  session: SessionId,
): Promise<Recording> {
  const events: RecordedEvent[] = [];
  const problems: string[] = [];
  for (const key of await keysOf(archive, session)) {
    const parsed = parseRecordingKey(key);
    if (parsed === null) problems.push(`${key} is not part of a recording`);
    if (parsed?.kind !== 'segment') continue;
    try {
      events.push(...(await readSegment(archive, key, parsed.digest)));
    } catch (error) {
      // Told beside what the other segments hold.
      problems.push(`${key} cannot be read: ${(error as Error).message}`);
    }
  }
  const chain = checkChain(sha256Native, session, events);
  problems.push(...chain.faults.map(faultInWords));
  if (chain.events.length === 0) {
    throw new GatewayError('ERR_ARCHIVE_CORRUPT', `Cannot read any event of ${session}`, {
      hint: problems.join('\n') || 'Find out what is wrong with: sallyport verify',
    });
  }
  return { session, events: chain.events, problems };
}

async function keysOf(archive: ArchiveReader, session: SessionId): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of archive.list(recordingPrefix(session))) keys.push(key);
  return keys.sort();
}

async function readSegment(
  archive: ArchiveReader,
  key: string,
  digest: string,
): Promise<readonly RecordedEvent[]> {
  const packed = await archive.get(key);
  if (packed === null) throw new GatewayError('ERR_NOT_FOUND', 'it is gone');
  const bytes = zstdDecompressSync(packed, { maxOutputLength: SEGMENT_BYTES_MAX });
  const text = bytes.toString('utf8');
  if (!segmentMatches(sha256Native, digest, text)) {
    throw new GatewayError('ERR_ARCHIVE_CORRUPT', 'its content is not what its name says');
  }
  return parseSegment(text);
}

function faultInWords(fault: ChainFault): string {
  switch (fault.kind) {
    case 'edited':
      return `Event ${fault.seq} was edited`;
    case 'dropped':
      return fault.count === 1
        ? `Event ${fault.seq} is missing`
        : `Events ${fault.seq} to ${fault.seq + fault.count - 1} are missing`;
    case 'conflict':
      return `There are two different events ${fault.seq}`;
    case 'broken':
      return `Event ${fault.seq} does not follow from the one before it`;
  }
}
