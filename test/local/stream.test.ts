/** From the recorder to the archive's directory, with every part as it runs in production. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkChain } from '../../core/recording/chain.ts';
import { parseSegment, recordingPrefix } from '../../core/recording/segment.ts';
import { makeHandler } from '../../functions/archive/handler.ts';
import { makeArchiveDirectory } from '../../local/archive_directory.ts';
import { makeLocalStream } from '../../local/stream.ts';
import { makeRecorder } from '../../proxy/recorder/recorder.ts';
import { keysOf } from '../support/collect.ts';
import { command, intent, memoryLog, ms, result, session, sha256 } from '../support/recording.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-stream-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('a recorded session is in the archive when the recorder has closed', async () => {
  const log = memoryLog();
  const archive = makeArchiveDirectory(path.join(directory, 'archive'));
  const handler = makeHandler({ archive, sha256, log });
  const recorder = makeRecorder({
    spoolDirectory: path.join(directory, 'spool'),
    stream: makeLocalStream({ handler, batchMs: 5, now: Date.now }),
    clock: { now: () => ms(Date.now()) },
    log,
  });
  const live = session({ at: Date.now() });
  await recorder.start(live);
  const record = command(live.id, 1);
  await recorder.append(live.id, intent(record), 'sync');
  await recorder.append(live.id, result(record), 'async');
  await recorder.end(live.id, 'client left');
  await recorder.close();

  const keys = await keysOf(archive.list(recordingPrefix(live.id)));
  expect(keys.filter((key) => key.endsWith('manifest.json'))).toHaveLength(1);
  const events = [];
  for (const key of keys.filter((each) => each.endsWith('.zst'))) {
    const bytes = (await archive.get(key)) ?? new Uint8Array();
    events.push(...parseSegment(zstdDecompressSync(bytes).toString('utf8')));
  }
  const report = checkChain(sha256, live.id, events);
  expect(report.faults).toEqual([]);
  expect(report.events).toHaveLength(4);
  expect(log.lines.filter(({ level }) => level !== 'info')).toEqual([]);
});

type Batch = { Records: { kinesis: { sequenceNumber: string; data: string } }[] };
const RECORD = { key: 'ses', data: Buffer.from('{}\n') };

test('a put is done when its records are archived, and fails when they are not', async () => {
  let failing = true;
  const seen: string[] = [];
  const handler = (event: unknown) => {
    const { Records } = event as Batch;
    seen.push(...Records.map(({ kinesis }) => kinesis.sequenceNumber));
    const itemIdentifier = Records[0]?.kinesis.sequenceNumber ?? '';
    return Promise.resolve({ batchItemFailures: failing ? [{ itemIdentifier }] : [] });
  };
  const stream = makeLocalStream({ handler, batchMs: 1, now: Date.now });
  await expect(stream.put([RECORD])).rejects.toMatchObject({ code: 'ERR_ARCHIVE_UNAVAILABLE' });
  failing = false;
  await Promise.all([stream.put([RECORD, RECORD]), stream.put([RECORD])]);
  expect(seen).toEqual([...new Set(seen)].sort());
  expect(seen).toHaveLength(4);
});

test('sequence numbers never come again, even where the clock was set back', async () => {
  const seen: string[] = [];
  const handler = (event: unknown) => {
    seen.push(...(event as Batch).Records.map(({ kinesis }) => kinesis.sequenceNumber));
    return Promise.resolve({ batchItemFailures: [] });
  };
  for (let start = 0; start < 20; start += 1) {
    await makeLocalStream({ handler, batchMs: 0, now: () => 1 }).put([RECORD, RECORD]);
  }
  expect(new Set(seen).size).toBe(40);
});
