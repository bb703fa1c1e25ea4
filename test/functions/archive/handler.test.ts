/** Batches of the stream into evidence: what is written, and that no repetition or failure harms it. */

import { zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkChain } from '../../../core/recording/chain.ts';
import { COLUMNS, type Row, rowOf } from '../../../core/recording/columns.ts';
import { manifestKey, parseSegment, recordingPrefix } from '../../../core/recording/segment.ts';
import { makeDeps, makeHandler } from '../../../functions/archive/handler.ts';
import { toParquet } from '../../../functions/archive/parquet.ts';
import {
  kinesisEvent,
  type MemoryArchive,
  memoryArchive,
  type Recorded,
  recordSession,
  seal,
} from '../../support/recorded_sessions.ts';
import {
  command,
  intent,
  type MemoryLog,
  memoryLog,
  ms,
  result,
  START,
  session,
  sha256,
} from '../../support/recording.ts';

let archive: MemoryArchive;
let log: MemoryLog;
let handle: ReturnType<typeof makeHandler>;
beforeEach(() => {
  archive = memoryArchive(START);
  log = memoryLog();
  handle = makeHandler({ archive, sha256, log });
});

const compressors = { ZSTD: (bytes: Uint8Array) => zstdDecompressSync(bytes) };

async function readRows(bytes: Uint8Array): Promise<readonly Row[]> {
  return parquetReadObjects({ file: new Uint8Array(bytes).buffer, compressors });
}

async function tableRows(): Promise<readonly Row[]> {
  const files = archive.keys('events/').map((key) => archive.objects.get(key)?.bytes);
  const rows = await Promise.all(files.map((bytes) => readRows(bytes ?? new Uint8Array())));
  return rows.flat();
}

/** The recording holds exactly the session's events, and the table each of them at least once. */
async function expectArchived({ session: { id }, events }: Recorded) {
  const segments = archive.keys(recordingPrefix(id)).filter((key) => key.endsWith('.zst'));
  const stored = segments.flatMap((key) => parseSegment(archive.text(key)));
  const report = checkChain(sha256, id, stored);
  expect(report.faults).toEqual([]);
  expect(report.events).toEqual(events);
  const rows = (await tableRows()).filter((row) => row['session_id'] === id);
  const ids = new Set(rows.map((row) => row['event_id']));
  expect(ids).toEqual(new Set(events.map(({ seq }) => `${id}-${seq}`)));
}

const OK = { batchItemFailures: [] };

describe('a batch', () => {
  test('becomes a segment per session, a file of the table, and manifests', async () => {
    const [one, two] = [recordSession(session()), recordSession(session(), 1, false)];
    expect(await handle(kinesisEvent([one.lines, two.lines]))).toEqual(OK);
    await expectArchived(one);
    await expectArchived(two);
    expect(archive.keys('events/')).toEqual([
      'events/dt=2026-11-23/shardId-000000000000-100-101.parquet',
    ]);
    const manifest = JSON.parse(archive.text(manifestKey(one.session.id))) as unknown;
    expect(manifest).toMatchObject({ count: 8, head: one.events.at(-1)?.hash, commands: 3 });
    expect(archive.objects.has(manifestKey(two.session.id))).toBe(false);
    expect(archive.objects.size).toBe(4);
  });

  test('that crosses midnight is two files of the table, and one recording', async () => {
    const late = recordSession(session({ at: Date.UTC(2026, 10, 23, 23, 59, 58) }));
    await handle(kinesisEvent([late.lines]));
    expect(archive.keys('events/').map((key) => key.slice(0, 20))).toEqual([
      'events/dt=2026-11-23',
      'events/dt=2026-11-24',
    ]);
    await expectArchived(late);
  });

  test('that comes twice changes nothing', async () => {
    const one = recordSession(session());
    const event = kinesisEvent([one.lines.slice(0, 4), one.lines.slice(4)]);
    await handle(event);
    const before = new Map(archive.objects);
    expect(await handle(event)).toEqual(OK);
    expect(archive.objects).toEqual(before);
  });

  test.each([
    [
      'overlapping',
      [
        [0, 5],
        [3, 8],
      ],
    ],
    [
      'out of order',
      [
        [5, 8],
        [0, 3],
        [3, 5],
      ],
    ],
    [
      'repeated in another cut',
      [
        [0, 8],
        [0, 2],
        [2, 8],
      ],
    ],
  ] as const)('%s: the recording is whole', async (_, ranges) => {
    const one = recordSession(session());
    let first = 100;
    for (const [from, to] of ranges) {
      await handle(kinesisEvent([one.lines.slice(from, to)], first));
      first += 1;
    }
    await expectArchived(one);
  });
});

describe('a bad record', () => {
  const one = recordSession(session());
  const edited = one.lines[1]?.replace('select', 'delete') ?? '';
  const unknown = one.lines[1]?.replace('command.intent', 'command.dreamt') ?? '';

  test.each([
    ['is no JSON', 'not json', /not JSON/],
    ['is no event', '{"a":1}', /not an event/],
    ['is of an unknown kind', unknown, /not an event/],
    ['was edited on its way', edited, /not what its hash says/],
  ])('that %s is kept aside and blocks nobody', async (_, bad, reason) => {
    expect(await handle(kinesisEvent([[bad], one.lines]))).toEqual(OK);
    await expectArchived(one);
    const [key = ''] = archive.keys('quarantine/');
    expect(key).toBe('quarantine/shardId-000000000000-100.json');
    const kept = JSON.parse(archive.text(key)) as { reasons: string[]; data: string };
    expect(kept.reasons.join()).toMatch(reason);
    expect(Buffer.from(kept.data, 'base64').toString('utf8')).toBe(`${bad}\n`);
    expect(log.names()).toContain('archive.quarantined');
    expect(JSON.stringify(log.lines)).not.toContain('delete');
  });

  test('does not take its good lines with it', async () => {
    await handle(kinesisEvent([[...one.lines, 'not json']]));
    await expectArchived(one);
    expect(archive.keys('quarantine/')).toHaveLength(1);
  });

  test('is all that is wrong with something that is no batch', async () => {
    for (const event of [null, {}, { Records: [{ eventID: '../../x:1', kinesis: {} }] }]) {
      await expect(handle(event)).rejects.toMatchObject({ code: 'ERR_ARCHIVE_CORRUPT' });
    }
  });
});

describe('an archive that fails', () => {
  test('for one session: the stream is read again from its first record', async () => {
    const [one, two, three] = [session(), session(), session()].map((live) => recordSession(live));
    if (one === undefined || two === undefined || three === undefined) throw new Error('three');
    archive.failing = (key) => key.includes(two.session.id);
    const event = kinesisEvent([one.lines, two.lines, three.lines]);
    expect(await handle(event)).toEqual({ batchItemFailures: [{ itemIdentifier: '101' }] });
    await expectArchived(one);
    archive.failing = () => false;
    expect(await handle(kinesisEvent([two.lines, three.lines], 101))).toEqual(OK);
    for (const each of [one, two, three]) await expectArchived(each);
    expect(await tableRows()).toHaveLength(24);
  });

  test('as a whole: the call fails, which alarms see', async () => {
    archive.failing = () => true;
    const event = kinesisEvent([recordSession(session()).lines]);
    await expect(handle(event)).rejects.toMatchObject({ code: 'ERR_ARCHIVE_UNAVAILABLE' });
    expect(log.names()).toContain('archive.write_failed');
  });

  test('for the table alone: the batch comes again, and rows are there once', async () => {
    const one = recordSession(session());
    const event = kinesisEvent([one.lines]);
    archive.failing = (key) => key.startsWith('events/');
    await expect(handle(event)).rejects.toMatchObject({ code: 'ERR_ARCHIVE_UNAVAILABLE' });
    archive.failing = () => false;
    await handle(event);
    await expectArchived(one);
    expect(await tableRows()).toHaveLength(one.events.length);
  });
});

describe('Parquet', () => {
  const live = session();
  const record = command(live.id, 1, {
    statement: 'select \u0000 \u{1f600} ünï',
    parameters: ['a', '', 'ß'],
    opaque: 'DO',
    approval: {
      id: 'apr_01HZZZZZZZZZZZZZZZZZZZZZZY' as never,
      approvers: ['bo@example.com', 'cy@example.com'],
      requestedAt: ms(START),
      decidedAt: null,
    },
  });
  const empty = command(live.id, 2, { objects: [], verbs: [], policies: [], policyVersion: null });
  const big = 2 ** 53 - 1;
  const rows = seal(live, [
    { kind: 'session.end', reason: 'none', commands: 0 },
    intent(record),
    result(record, { rows: big, bytes: big, durationMs: 0.25, masked: [] }),
    result(empty, { sqlState: '42P01', status: 'failed' }),
    { kind: 'command.refused', record: empty },
  ]).map((line) => rowOf(parseSegment(line)[0] as never));

  test('reads back as it was', async () => {
    expect(await readRows(toParquet(rows))).toEqual(rows);
  });

  test('holds no rows where there are none', async () => {
    expect(await readRows(toParquet([]))).toEqual([]);
  });

  test('has the columns of the table, instants without a zone, and zstd', () => {
    const metadata = parquetMetadata(new Uint8Array(toParquet(rows)).buffer);
    const names = metadata.schema.filter(({ name }) => !['root', 'list', 'element'].includes(name));
    expect(names.map(({ name }) => name)).toEqual(COLUMNS.map(({ name }) => name));
    const { logical_type: type } = metadata.schema.find(({ name }) => name === 'ts') ?? {};
    expect(type).toEqual({ type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MILLIS' });
    const codecs = metadata.row_groups.flatMap(({ columns }) =>
      columns.map((column) => column.meta_data?.codec),
    );
    expect(new Set(codecs)).toEqual(new Set(['ZSTD']));
  });
});

test('without ARCHIVE_BUCKET the function says so', () => {
  expect(() => makeDeps({})).toThrow(/ARCHIVE_BUCKET is missing/);
});
