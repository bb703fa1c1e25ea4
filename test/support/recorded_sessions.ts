/** Sessions as the recorder seals them, events as the stream delivers them, an archive in memory. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { EpochMs } from '../../core/brand.ts';
import { canonicalJson } from '../../core/recording/canonical_json.ts';
import { genesisHash, sealEvent } from '../../core/recording/chain.ts';
import type { EventBody, RecordedEvent } from '../../core/recording/event.ts';
import { parseLine } from '../../core/recording/segment.ts';
import type { StoredObject } from '../../core/recording/verify.ts';
import type { Session } from '../../core/session.ts';
import type { Archive } from '../../functions/archive/archive.ts';
import { startBody, whoOf } from '../../proxy/recorder/ledger.ts';
import { command, intent, ms, result, sha256 } from './recording.ts';

export interface Recorded {
  readonly session: Session;
  readonly lines: readonly string[];
  readonly events: readonly RecordedEvent[];
}

/** A whole session: its start, `commands` commands and their results, its end; one second each. */
export function recordSession(session: Session, commands = 3, isEnded = true): Recorded {
  const bodies: EventBody[] = [startBody(session)];
  for (let ordinal = 1; ordinal <= commands; ordinal += 1) {
    const record = command(session.id, ordinal);
    bodies.push(intent(record), result(record));
  }
  if (isEnded) bodies.push({ kind: 'session.end', reason: 'client left', commands });
  const lines = seal(session, bodies);
  return { session, lines, events: lines.map(parseLine) };
}

export function seal(session: Session, bodies: readonly EventBody[]): readonly string[] {
  const whoJson = canonicalJson(whoOf(session));
  let prev = genesisHash(sha256, session.id);
  return bodies.map((body, seq) => {
    const at = ms(session.startedAt + seq * 1_000);
    const { hash, line } = sealEvent(sha256, { session: session.id, seq, at, prev, body, whoJson });
    prev = hash;
    return line;
  });
}

/** One record of the stream a group of lines, with sequence numbers from `first`. */
export function kinesisEvent(groups: readonly (readonly string[])[], first = 100): unknown {
  const Records = groups.map((lines, i) => {
    const sequenceNumber = String(first + i);
    const data = Buffer.from(lines.map((line) => `${line}\n`).join('')).toString('base64');
    return {
      eventID: `shardId-000000000000:${sequenceNumber}`,
      eventSource: 'aws:kinesis',
      kinesis: { partitionKey: 'ses', sequenceNumber, data, approximateArrivalTimestamp: 1 },
    };
  });
  return { Records };
}

export interface MemoryArchive extends Archive {
  readonly objects: Map<string, { bytes: Uint8Array; modifiedAt: EpochMs }>;
  readonly keys: (prefix?: string) => readonly string[];
  readonly text: (key: string) => string;
  readonly replace: (key: string, text: string) => void;
  /** A reason makes a write of that key fail. */
  failing: (key: string) => boolean;
  now: EpochMs;
}

export function memoryArchive(now: EpochMs): MemoryArchive {
  const objects: MemoryArchive['objects'] = new Map();
  const archive: MemoryArchive = {
    objects,
    now,
    failing: () => false,
    keys: (prefix = '') => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
    text: (key) => {
      const bytes = objects.get(key)?.bytes ?? new Uint8Array();
      return (key.endsWith('.zst') ? zstdDecompressSync(bytes) : Buffer.from(bytes)).toString(
        'utf8',
      );
    },
    replace: (key, text) => {
      const bytes = key.endsWith('.zst') ? zstdCompressSync(text) : Buffer.from(text);
      objects.set(key, { bytes, modifiedAt: objects.get(key)?.modifiedAt ?? archive.now });
    },
    putOnce: async (key, bytes) => {
      await Promise.resolve();
      if (archive.failing(key)) throw new Error(`Cannot write ${key}`);
      if (objects.has(key)) return 'exists';
      objects.set(key, { bytes, modifiedAt: archive.now });
      return 'created';
    },
    get: (key) => Promise.resolve(objects.get(key)?.bytes ?? null),
    list: async function* (prefix): AsyncGenerator<StoredObject> {
      await Promise.resolve();
      for (const [key, { bytes, modifiedAt }] of objects) {
        if (key.startsWith(prefix)) yield { key, size: bytes.length, modifiedAt };
      }
    },
  };
  return archive;
}
