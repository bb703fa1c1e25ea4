/**
 * Ships the spool to the event stream in the background: reads it back in order, batches, retries for
 * as long as it takes, and deletes a file once the stream has acknowledged all of it. At least once: a
 * batch whose answer was lost is sent again, and the archive drops copies by event id.
 *
 * It reads the files rather than a queue in memory, so a stream that is down costs disk, never memory.
 */
import * as fs from 'node:fs';
import { GatewayError } from '../../core/errors.ts';
import type { Log } from '../services.ts';
import { unframe } from './frame.ts';
import type { RecorderLimits } from './limits.ts';
import type { Spool, SpoolFile } from './spool.ts';

export interface StreamRecord {
  /** Records of one key stay in order on most streams; nobody relies on it. */
  readonly key: string;
  /** One or more stored lines, each ended by a newline. */
  readonly data: Uint8Array;
}

export interface EventStream {
  /** Resolves when the stream holds all of them; rejects when that is not known. */
  readonly put: (records: readonly StreamRecord[]) => Promise<void>;
}

/** Read from a file at once; also bounds what one batch keeps in memory. Holds any one event. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Lines of one session are joined up to this: Kinesis bills in units of 25 KB a record. */
const RECORD_BYTES = 100 * 1024;
const NEWLINE = Buffer.from('\n');
/** A stored line contains `"session":"ses_…"` once at the top level; its id is what groups lines. */
const SESSION = /"session":"(ses_[0-9A-Z]{26})","v":/;

export interface Shipper {
  /** There is something new to ship. */
  readonly wake: () => void;
  /** Resolves when the stream holds everything up to `end` of `file`; does not linger. */
  readonly acknowledged: (file: SpoolFile, end: number) => Promise<void>;
  /** Ships all there is; rejects after `timeoutMs`. */
  readonly drain: (timeoutMs: number) => Promise<void>;
  readonly stop: () => void;
}

interface Waiter {
  readonly file: SpoolFile;
  readonly end: number;
  readonly resolve: () => void;
}

export function makeShipper(deps: {
  readonly spool: () => Spool;
  readonly stream: EventStream;
  readonly limits: RecorderLimits;
  readonly log: Log;
}): Shipper {
  const { limits, log } = deps;
  const waiters = new Set<Waiter>();
  let position = 0;
  let running: Promise<void> | null = null;
  let lingering: NodeJS.Timeout | null = null;
  let stopped = false;
  let failures = 0;

  function next(): SpoolFile | null {
    const { files, remove } = deps.spool();
    for (let file = files[0]; file !== undefined; file = files[0]) {
      if (position < file.size) return file;
      if (!file.sealed) return null;
      settle(file, file.size);
      remove(file);
      position = 0;
    }
    return null;
  }

  function settle(file: SpoolFile, acknowledged: number): void {
    for (const waiter of waiters) {
      if (waiter.file !== file || waiter.end > acknowledged) continue;
      waiters.delete(waiter);
      waiter.resolve();
    }
  }

  async function run(): Promise<void> {
    for (let file = next(); file !== null && !stopped; file = next()) {
      const chunk = readChunk(file, position, reporter(file, log));
      try {
        const records = toRecords(chunk.texts);
        if (records.length > 0) await deps.stream.put(records);
        // Stopped meanwhile: the files may belong to the next process already.
        if (stopped) return;
        failures = 0;
        position += chunk.consumed;
        settle(file, position);
      } catch (error) {
        // The stream is down: what waits is on disk, so wait and try the same chunk again.
        failures += 1;
        log.warn('recorder.stream.put_failed', { failures, error: String(error) });
        await sleep(Math.min(limits.retryMaxMs, limits.retryMs * 2 ** Math.min(failures - 1, 10)));
      }
    }
  }

  function start(): void {
    if (lingering !== null) clearTimeout(lingering);
    lingering = null;
    if (stopped) return;
    running ??= keepRunning();
  }

  async function keepRunning(): Promise<void> {
    let more = true;
    try {
      await run();
      more = next() !== null;
    } catch (error) {
      // Reading our own spool failed: nothing is acknowledged, so sync commands are refused in time.
      log.error('recorder.spool.read_failed', { error: String(error) });
    }
    running = null;
    if (more) linger();
  }

  function linger(): void {
    if (lingering !== null || running !== null || stopped) return;
    lingering = setTimeout(start, limits.lingerMs);
  }

  function acknowledged(file: SpoolFile, end: number): Promise<void> {
    const { files } = deps.spool();
    const done = !files.includes(file) || (files[0] === file && position >= end);
    if (done) return Promise.resolve();
    return new Promise((resolve) => {
      waiters.add({ file, end, resolve });
      start();
    });
  }

  return {
    wake: linger,
    acknowledged,
    drain: async (timeoutMs) => {
      const last = deps.spool().files.at(-1);
      if (last === undefined || next() === null) return;
      await withTimeout(
        acknowledged(last, last.size),
        timeoutMs,
        'The event stream does not answer',
      );
      next();
    },
    stop: () => {
      stopped = true;
      if (lingering !== null) clearTimeout(lingering);
      lingering = null;
    },
  };
}

/** What a reader of the spool does about damage. */
export interface DamageReporter {
  /** A line whose checksum is wrong. */
  readonly corrupt: (line: Uint8Array) => void;
  /** The end of a file that nobody writes any more, without its newline: torn by a crash. */
  readonly torn: (offset: number, bytes: number) => void;
}

/** What the next chunk of a file holds. A torn tail of a sealed file is consumed and reported. */
export function readChunk(
  file: SpoolFile,
  from: number,
  damage: DamageReporter,
): { texts: readonly Buffer[]; consumed: number } {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, file.size - from));
  const fd = fs.openSync(file.path, 'r');
  let length = 0;
  try {
    length = fs.readSync(fd, buffer, 0, buffer.length, from);
  } finally {
    fs.closeSync(fd);
  }
  const { texts, corrupt, consumed } = unframe(buffer.subarray(0, length));
  corrupt.forEach(damage.corrupt);
  if (consumed > 0) return { texts, consumed };
  const rest = length === 0 ? file.size - from : length;
  damage.torn(from, rest);
  return { texts, consumed: rest };
}

function reporter(file: SpoolFile, log: Log): DamageReporter {
  return {
    // Changed after it was written: kept beside its file for a human, never shipped.
    corrupt: (line) => {
      const path = `${file.path}.corrupt`;
      fs.appendFileSync(path, Buffer.concat([line, NEWLINE]), { mode: 0o600 });
      const { length: bytes } = line;
      log.error('recorder.spool.corrupt_line', { file: file.path, quarantine: path, bytes });
    },
    torn: (offset, bytes) =>
      log.warn('recorder.spool.torn_tail', { file: file.path, offset, bytes }),
  };
}

/** Joins lines of a session into records of at most RECORD_BYTES; a longer line is a record by itself. */
export function toRecords(texts: readonly Buffer[]): StreamRecord[] {
  const records: StreamRecord[] = [];
  const open = new Map<string, { parts: Buffer[]; bytes: number }>();
  for (const text of texts) {
    // latin1 is enough to find an ASCII id, and is no decoding.
    const head = text.toString('latin1');
    const key = SESSION.exec(head)?.[1];
    // Not an event: a checkpoint, which is for a restart and not for the archive.
    if (key === undefined || head.startsWith(CHECKPOINT_PREFIX)) continue;
    let record = open.get(key) ?? { parts: [], bytes: 0 };
    if (record.bytes > 0 && record.bytes + text.length > RECORD_BYTES) {
      records.push({ key, data: Buffer.concat(record.parts) });
      record = { parts: [], bytes: 0 };
    }
    record.parts.push(text, NEWLINE);
    record.bytes += text.length + NEWLINE.length;
    open.set(key, record);
  }
  for (const [key, { parts }] of open) records.push({ key, data: Buffer.concat(parts) });
  return records;
}

/** How a checkpoint line begins; an event's line begins with `{"at"`. */
export const CHECKPOINT_PREFIX = '{"checkpoint":';

export async function withTimeout<T>(work: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new GatewayError('ERR_RECORDING_FAILED', `${message} within ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
