/** A batch of the stream, decoded: which events it holds, and which records are not what they should be. */
import * as v from 'valibot';
import { hashOf, type Sha256 } from '../../core/recording/chain.ts';
import { eventId, type RecordedEvent } from '../../core/recording/event.ts';
import { parseLine } from '../../core/recording/segment.ts';

/** What is used of a Kinesis event. https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html */
export const StreamBatch = v.object({
  Records: v.array(
    v.object({
      /** `<shard>:<sequence number>`. Both become part of a key, hence no other characters. */
      eventID: v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,64}:\d{1,128}$/)),
      kinesis: v.object({
        sequenceNumber: v.pipe(v.string(), v.regex(/^\d{1,128}$/)),
        data: v.string(),
      }),
    }),
  ),
});
export type StreamBatch = v.InferOutput<typeof StreamBatch>;

export interface Entry {
  readonly event: RecordedEvent;
  /** As stored, without its newline. */
  readonly line: string;
  readonly seq: number;
  /** Which record of the batch it came in, from 0. */
  readonly record: number;
}

export interface BadRecord {
  readonly record: number;
  /** Why, of each line that is wrong; a class of error, never a line's content. */
  readonly reasons: readonly string[];
}

export interface Decoded {
  /** Without copies. */
  readonly entries: readonly Entry[];
  readonly bad: readonly BadRecord[];
}

/**
 * Every line that is an event and hashes to what it says is taken, even where its neighbours are not.
 * A record with any other line is bad: it is kept whole elsewhere, and never blocks the batch.
 */
export function decodeBatch(sha256: Sha256, { Records }: StreamBatch): Decoded {
  const entries = new Map<string, Entry>();
  const bad: BadRecord[] = [];
  Records.forEach(({ kinesis }, record) => {
    const reasons: string[] = [];
    for (const line of Buffer.from(kinesis.data, 'base64').toString('utf8').split('\n')) {
      if (line === '') continue;
      const decoded = decodeLine(sha256, line);
      if (typeof decoded === 'string') {
        reasons.push(decoded);
        continue;
      }
      const key = `${eventId(decoded)} ${decoded.hash}`;
      if (!entries.has(key)) entries.set(key, { event: decoded, line, seq: decoded.seq, record });
    }
    if (reasons.length > 0) bad.push({ record, reasons: [...new Set(reasons)] });
  });
  return { entries: [...entries.values()], bad };
}

/** The event, or why it is none. */
function decodeLine(sha256: Sha256, line: string): RecordedEvent | string {
  try {
    const event = parseLine(line);
    return hashOf(sha256, event) === event.hash ? event : 'The event is not what its hash says';
  } catch (error) {
    // A line of something else than this version's recorder: for the caller to keep aside.
    return (error as Error).message;
  }
}
