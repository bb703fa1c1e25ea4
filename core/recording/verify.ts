/**
 * Whether an archive is whole and unchanged: what `sallyport verify` says, and on what grounds.
 * Pure over what it is handed: a way to list and get objects, a public key, and no network.
 */
import type { EpochMs, SessionId } from '../brand.ts';
import type { Sha256 } from './chain.ts';
import type { Row } from './columns.ts';
import { DIGESTS, type SignedObject } from './digest.ts';
import {
  EVENTS,
  manifestKey,
  parseRecordingKey,
  parseSegment,
  QUARANTINE,
  RECORDINGS,
  segmentMatches,
} from './segment.ts';
import { checkDigests, type DigestCheck } from './verify_digests.ts';
import { checkSession } from './verify_session.ts';
import { makeTableCheck, type TableCheck } from './verify_table.ts';

export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** As the store says, not as a writer says. */
  readonly modifiedAt: EpochMs;
}

/** All that reading an archive takes: a bucket, or a directory. */
export interface ArchiveReader {
  /** Every object whose key begins with the prefix, in no promised order. */
  readonly list: (prefix: string) => AsyncIterable<StoredObject>;
  /** null where there is no such object. */
  readonly get: (key: string) => Promise<Uint8Array | null>;
}

/** Each is a reason not to trust the archive, or a part of it. */
export type FindingKind =
  /** A digest's signature does not fit, or it is no digest. */
  | 'digest-invalid'
  /** A number is missing in the chain of digests. */
  | 'digest-missing'
  /** A digest does not name the one that comes before it as it is. */
  | 'digest-broken'
  /** A signed object is gone. */
  | 'object-missing'
  /** A signed object has other bytes than were signed. */
  | 'object-changed'
  /** An object that digests should have signed by now, and none did. */
  | 'object-unsigned'
  /** An object that Sallyport never writes, or whose content is not what its key says. */
  | 'object-foreign'
  /** A record that the archive could not take: kept under quarantine/, missing elsewhere. */
  | 'quarantined'
  /** An event's content is not what its hash says. */
  | 'event-edited'
  /** Events are missing before the last one that is there. */
  | 'event-dropped'
  /** Two different events claim the same place. */
  | 'event-conflict'
  /** An event does not continue the one before it. */
  | 'event-broken'
  /** The session ended, but not with the number of events or the hash that its manifest states. */
  | 'manifest-mismatch'
  /** The end event is there, its manifest is not. */
  | 'manifest-missing'
  /** The session must have ended long ago, and no end is recorded. */
  | 'session-unended'
  /** All of a session's signed objects are gone. */
  | 'session-missing'
  /** The SQL table has rows that the recordings do not, or other ones. */
  | 'table-mismatch'
  /** A recorded event is not in the SQL table. */
  | 'table-incomplete';

export interface Finding {
  readonly kind: FindingKind;
  /** The key of the object that it is about, '' where it is about a session as a whole. */
  readonly key: string;
  readonly session: SessionId | null;
  /** Sequence number of the first event concerned; null where it is not about one. */
  readonly seq: number | null;
  /** One sentence for a person, without a full stop. */
  readonly detail: string;
}

export interface Report {
  readonly checkedAt: EpochMs;
  /** Empty: nothing speaks against the archive. */
  readonly findings: readonly Finding[];
  readonly digests: {
    readonly count: number;
    /** When the newest good one was signed; null where there is none. */
    readonly newestAt: EpochMs | null;
  };
  readonly objects: {
    readonly signed: number;
    /** Newer than the newest digest: checked like the others, and not proven yet. */
    readonly pending: number;
  };
  readonly sessions: {
    readonly ended: number;
    /** Without an end yet, and within the life of the token behind them. */
    readonly open: number;
  };
  /** Distinct events in all recordings. */
  readonly events: number;
}

export interface VerifyDeps {
  readonly archive: ArchiveReader;
  readonly sha256: Sha256;
  /** Whether the archive's key signed the text; `signature` in base64, whatever it may be. */
  readonly isSigned: (text: string, signature: string) => boolean;
  /** A segment's text. May throw: then the object is not what it should be. */
  readonly decompress: (bytes: Uint8Array) => string;
  /** Rows of a Parquet file. May reject, likewise. */
  readonly readRows: (bytes: Uint8Array) => Promise<readonly Row[]>;
  readonly now: EpochMs;
}

/** How long after an object the digest that signs it may come: an hour, its delay, and a failed one. */
const DIGEST_GRACE_MS = 150 * 60_000;
/** A write may be listed this much later than the time that the store gives it. */
const IN_FLIGHT_MS = 60_000;

/** Checks everything there is. Holds one session's events and one file's rows at a time. */
export async function verify(deps: VerifyDeps): Promise<Report> {
  // In this order, a system that goes on recording is never found at fault: digests name objects that
  // are listed after them, and the table's rows have recordings that are listed after them.
  const digests = await checkDigests(deps);
  const tables = await listAll(deps.archive, EVENTS);
  const objects = await listAll(deps.archive, '');
  const run: Run = { deps, digests, findings: [...digests.findings] };
  const covered = [...objects.values()].filter(({ key }) => !key.startsWith(DIGESTS));
  const pending = covered.filter((object) => isPending(run, object)).length;
  checkMissing(run, objects);

  const table = makeTableCheck(deps.sha256);
  const sessions = await checkRecordings(run, covered, table);
  for (const { key } of covered.filter((object) => tables.has(object.key))) {
    await checkTableFile(run, key, table);
  }
  run.findings.push(...table.rest(deps.now));
  for (const { key } of covered) await checkOther(run, key);
  return {
    checkedAt: deps.now,
    findings: run.findings,
    digests: { count: digests.count, newestAt: digests.newestAt },
    objects: { signed: covered.filter(({ key }) => digests.signed.has(key)).length, pending },
    sessions: { ended: sessions.ended, open: sessions.open },
    events: sessions.events,
  };
}

interface Run {
  readonly deps: VerifyDeps;
  readonly digests: DigestCheck;
  readonly findings: Finding[];
}

function add(run: Run, kind: FindingKind, key: string, detail: string): void {
  const session = parseRecordingKey(key)?.session ?? null;
  run.findings.push({ kind, key, session, seq: null, detail });
}

async function listAll(archive: ArchiveReader, prefix: string): Promise<Map<string, StoredObject>> {
  const objects = new Map<string, StoredObject>();
  for await (const object of archive.list(prefix)) objects.set(object.key, object);
  return objects;
}

/** Whether a digest is still to come for it. Adds a finding where one should have been there. */
function isPending(run: Run, { key, modifiedAt }: StoredObject): boolean {
  const { deps, digests } = run;
  if (digests.signed.has(key) || digests.unproven.has(key)) return false;
  const isNew = digests.newestAt === null || modifiedAt >= digests.newestAt - IN_FLIGHT_MS;
  if (isNew && deps.now - modifiedAt <= DIGEST_GRACE_MS) return true;
  add(run, 'object-unsigned', key, 'No digest has signed it, though one should have by now');
  return false;
}

/** Signed objects that are gone; one finding a session where nothing of it is left. */
function checkMissing(run: Run, objects: ReadonlyMap<string, StoredObject>): void {
  const sessionOf = (key: string) => parseRecordingKey(key)?.session ?? null;
  const present = new Set([...objects.keys()].map(sessionOf));
  const gone = [...run.digests.signed.keys()].filter((key) => !objects.has(key));
  for (const [session, keys] of Map.groupBy(gone, sessionOf)) {
    if (session !== null && !present.has(session)) {
      const detail = `All ${keys.length} objects of the session's recording are gone`;
      run.findings.push({ kind: 'session-missing', key: '', session, seq: null, detail });
      continue;
    }
    for (const key of keys) add(run, 'object-missing', key, 'It was signed and is gone');
  }
}

interface Content {
  readonly bytes: Uint8Array;
  /** Not what was signed: reported already. */
  readonly isChanged: boolean;
}

/** The object's bytes, compared with what was signed. */
async function read(run: Run, key: string): Promise<Content | null> {
  const bytes = await run.deps.archive.get(key);
  if (bytes === null) {
    add(run, 'object-missing', key, 'It is listed and cannot be read');
    return null;
  }
  const signed: SignedObject | undefined = run.digests.signed.get(key);
  const isChanged = signed !== undefined && signed.sha256 !== run.deps.sha256(bytes);
  if (isChanged) add(run, 'object-changed', key, 'Its bytes are not those that were signed');
  return { bytes, isChanged };
}

async function checkRecordings(
  run: Run,
  objects: readonly StoredObject[],
  table: TableCheck,
): Promise<{ ended: number; open: number; events: number }> {
  const totals = { ended: 0, open: 0, events: 0 };
  const keys = objects.map(({ key }) => key).filter((key) => parseRecordingKey(key) !== null);
  const sessions = Map.groupBy(keys, (key) => parseRecordingKey(key)?.session);
  for (const [session, own] of sessions) {
    if (session === undefined) continue;
    const { findings, isEnded, events } = await checkOne(run, session, own);
    run.findings.push(...findings);
    for (const event of events) table.recorded(event);
    totals.events += events.length;
    if (isEnded) totals.ended += 1;
    else if (!findings.some(({ kind }) => kind === 'session-unended')) totals.open += 1;
  }
  return totals;
}

async function checkOne(run: Run, session: SessionId, keys: readonly string[]) {
  const { sha256, now } = run.deps;
  const events = [];
  for (const key of keys) events.push(...(await readSegment(run, key)));
  const manifest = keys.includes(manifestKey(session))
    ? await read(run, manifestKey(session))
    : null;
  const text = manifest && new TextDecoder().decode(manifest.bytes);
  return checkSession(sha256, now, { session, events, manifest: text });
}

async function readSegment(run: Run, key: string) {
  const named = parseRecordingKey(key);
  if (named?.kind !== 'segment') return [];
  const content = await read(run, key);
  if (content === null) return [];
  try {
    const text = run.deps.decompress(content.bytes);
    if (!segmentMatches(run.deps.sha256, named.digest, text)) {
      add(run, 'object-foreign', key, 'Its content is not what its name says');
    }
    return parseSegment(text);
  } catch (error) {
    // Damaged or foreign: the chain will show what is missing for it.
    add(run, 'object-foreign', key, `It cannot be read as a segment: ${(error as Error).message}`);
    return [];
  }
}

async function checkTableFile(run: Run, key: string, table: TableCheck): Promise<void> {
  const content = await read(run, key);
  // Bytes that were changed are not parsed: a reader of so rich a format may never come to an end.
  if (content === null || content.isChanged) return;
  try {
    run.findings.push(...table.file(key, await run.deps.readRows(content.bytes)));
  } catch (error) {
    // Damaged or foreign: queries would stumble over it as well.
    add(run, 'object-foreign', key, `It cannot be read as Parquet: ${(error as Error).message}`);
  }
}

const TABLE_KEY = /^events\/dt=\d{4}-\d{2}-\d{2}\/[A-Za-z0-9-]+-\d+-\d+\.parquet$/;

/** What is neither a recording nor a file of the table. */
async function checkOther(run: Run, key: string): Promise<void> {
  if (key.startsWith(QUARANTINE)) {
    await read(run, key);
    add(run, 'quarantined', key, 'The archive could not take this record, and kept it aside');
    return;
  }
  const isOurs = key.startsWith(RECORDINGS) ? parseRecordingKey(key) !== null : TABLE_KEY.test(key);
  if (!isOurs) add(run, 'object-foreign', key, 'Sallyport writes no object of this name');
}
