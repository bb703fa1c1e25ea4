/**
 * Events off the stream into evidence: a segment per session for replay and proof, a Parquet file per day
 * for queries, a manifest at a session's end. At least once in, idempotent out: every key is written once
 * and says what it holds, and readers drop copies by event id.
 */
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import { S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import type { SessionId } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/recording/chain.ts';
import { dateOf, rowOf } from '../../core/recording/columns.ts';
import { manifestOf } from '../../core/recording/manifest.ts';
import { EVENTS, makeSegment, manifestKey, QUARANTINE } from '../../core/recording/segment.ts';
import type { Archive, Log } from './archive.ts';
import { type BadRecord, type Decoded, decodeBatch, type Entry, StreamBatch } from './batch.ts';
import { consoleLog, variable } from './lambda_env.ts';
import { toParquet } from './parquet.ts';
import { makeS3Archive } from './s3_archive.ts';
import { sha256Native } from './sha256.ts';

export interface ArchiveDeps {
  readonly archive: Pick<Archive, 'putOnce'>;
  readonly sha256: Sha256;
  readonly log: Log;
}

export interface BatchResponse {
  /** At most one: the stream is read again from there. Empty: all of the batch is archived. */
  readonly batchItemFailures: { readonly itemIdentifier: string }[];
}

/** Objects written at once. */
const WRITES_MAX = 16;

const compress = promisify(zstdCompress);

/**
 * @throws GatewayError ERR_ARCHIVE_UNAVAILABLE when not even the first record could be archived
 * @throws GatewayError ERR_ARCHIVE_CORRUPT when it is not a batch of a stream at all
 */
export function makeHandler(deps: ArchiveDeps): (event: unknown) => Promise<BatchResponse> {
  return async (event) => {
    const parsed = v.safeParse(StreamBatch, event);
    if (!parsed.success) {
      const where = v.getDotPath(parsed.issues[0]) ?? 'the event itself';
      throw new GatewayError('ERR_ARCHIVE_CORRUPT', `Not a batch of a stream: ${where} is wrong`);
    }
    const batch = parsed.output;
    const decoded = decodeBatch(deps.sha256, batch);
    const failed = await archiveBatch(deps, batch, decoded);
    const { length } = batch.Records;
    deps.log.info('archive.batch', {
      records: length,
      events: decoded.entries.length,
      archived: failed ?? length,
    });
    if (failed === null) return { batchItemFailures: [] };
    if (failed === 0) {
      // Nothing of it is kept: an error is seen by alarms, a list of failures is not.
      throw new GatewayError('ERR_ARCHIVE_UNAVAILABLE', 'Cannot archive the batch', {
        hint: 'It is tried again; the stream keeps its events for days',
      });
    }
    const { sequenceNumber: itemIdentifier = '' } = batch.Records[failed]?.kinesis ?? {};
    return { batchItemFailures: [{ itemIdentifier }] };
  };
}

/** The index of the first record that is not archived as a whole; null where all are. */
async function archiveBatch(
  deps: ArchiveDeps,
  batch: StreamBatch,
  { entries, bad }: Decoded,
): Promise<number | null> {
  const sessions = Map.groupBy(entries, ({ event }) => event.session);
  const recordings = await attempt(deps, [
    ...bad.map((record) => ({ first: record.record, run: () => quarantine(deps, batch, record) })),
    ...[...sessions].map(([session, own]) => ({
      first: firstRecord(own),
      run: () => writeRecording(deps, session, own),
    })),
  ]);
  // What will come again is left out, so that rows are repeated as little as possible.
  const rows = entries.filter(({ record }) => record < recordings);
  const days = Map.groupBy(rows, ({ event }) => dateOf(event.at));
  const tables = await attempt(
    deps,
    [...days].map(([date, own]) => ({
      first: firstRecord(own),
      run: () => writeRows(deps, batch, date, own),
    })),
  );
  const failed = Math.min(recordings, tables);
  return failed === Number.POSITIVE_INFINITY ? null : failed;
}

interface Write {
  /** The first record of the batch that is lost when it fails. */
  readonly first: number;
  readonly run: () => Promise<void>;
}

/** Runs them all, whatever fails. Returns the lowest `first` of those that did; Infinity where none did. */
async function attempt({ log }: ArchiveDeps, writes: readonly Write[]): Promise<number> {
  let failed = Number.POSITIVE_INFINITY;
  const rest = [...writes];
  const worker = async () => {
    for (let write = rest.shift(); write !== undefined; write = rest.shift()) {
      try {
        await write.run();
      } catch (error) {
        // The others go on: one session's trouble must not hold up another's evidence.
        failed = Math.min(failed, write.first);
        log.error('archive.write_failed', { error: String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: WRITES_MAX }, worker));
  return failed;
}

function firstRecord(entries: readonly Entry[]): number {
  return Math.min(...entries.map(({ record }) => record));
}

async function writeRecording(
  { archive, sha256 }: ArchiveDeps,
  session: SessionId,
  entries: readonly Entry[],
): Promise<void> {
  const segment = makeSegment(sha256, session, entries);
  await archive.putOnce(segment.key, await compress(segment.text));
  // After its segment: a manifest says that the rest is there.
  for (const { event } of entries) {
    const manifest = manifestOf(event);
    if (manifest !== null) await archive.putOnce(manifestKey(session), Buffer.from(manifest));
  }
}

async function writeRows(
  { archive }: ArchiveDeps,
  { Records }: StreamBatch,
  date: string,
  entries: readonly Entry[],
): Promise<void> {
  const records = entries.map(({ record }) => record);
  const [first, last] = [Records[Math.min(...records)], Records[Math.max(...records)]];
  const shard = first?.eventID.split(':')[0];
  const range = `${first?.kinesis.sequenceNumber}-${last?.kinesis.sequenceNumber}`;
  const ordered = entries.toSorted((a, b) => a.event.at - b.event.at || a.seq - b.seq);
  const file = toParquet(ordered.map(({ event }) => rowOf(event)));
  await archive.putOnce(`${EVENTS}dt=${date}/${shard}-${range}.parquet`, file);
}

/** Kept as it came, beside the evidence: nothing is thrown away because it is not understood. */
async function quarantine(
  { archive, log }: ArchiveDeps,
  { Records }: StreamBatch,
  { record, reasons }: BadRecord,
): Promise<void> {
  const source = Records[record];
  if (source === undefined) return;
  const [shard = '', sequence = ''] = source.eventID.split(':');
  const key = `${QUARANTINE}${shard}-${sequence}.json`;
  log.error('archive.quarantined', { key, reasons });
  const kept = { v: 1, shard, sequence, reasons, data: source.kinesis.data };
  await archive.putOnce(key, Buffer.from(JSON.stringify(kept)));
}

/** @throws GatewayError ERR_CONFIG_INVALID where ARCHIVE_BUCKET is not set */
export function makeDeps(env: Readonly<Record<string, string | undefined>>): ArchiveDeps {
  const bucket = variable(env, 'ARCHIVE_BUCKET');
  return {
    archive: makeS3Archive(new S3Client({}), bucket),
    sha256: sha256Native,
    log: consoleLog,
  };
}

let live: ((event: unknown) => Promise<BatchResponse>) | null = null;

/** What AWS Lambda calls. Built on first use, so that importing this module needs no environment. */
export async function handler(event: unknown): Promise<BatchResponse> {
  live ??= makeHandler(makeDeps(process.env));
  return live(event);
}
