/**
 * The event stream at home: calls the archive function with the event that Lambda would get of Kinesis,
 * and is done when all of it is archived. Collects for a moment first, so that files are not too small.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../core/errors.ts';
import type { BatchResponse } from '../functions/archive/handler.ts';
import type { EventStream, StreamRecord } from '../proxy/recorder/stream.ts';

export interface LocalStreamOptions {
  readonly handler: (event: unknown) => Promise<BatchResponse>;
  /** How long records are collected before they are archived, at most 1,000. @default 250 */
  readonly batchMs?: number;
  readonly now: () => number;
}

const BATCH_MS_DEFAULT = 250;
const BATCH_MS_MAX = 1_000;
/** Of an event source mapping, which batches of this machine should resemble. */
const BATCH_RECORDS_MAX = 500;
const SHARD = 'shardId-000000000000';

interface Waiting {
  readonly records: readonly StreamRecord[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function makeLocalStream(options: LocalStreamOptions): EventStream {
  const { handler, batchMs = BATCH_MS_DEFAULT } = options;
  if (batchMs < 0 || batchMs > BATCH_MS_MAX) {
    throw new GatewayError('ERR_CONFIG_INVALID', `batchMs is 0 to 1000, got ${batchMs}`);
  }
  const nextSequence = makeSequence(options.now());
  let waiting: Waiting[] = [];
  let working = false;

  async function work(): Promise<void> {
    working = true;
    while (waiting.length > 0) {
      await sleep(batchMs);
      const batch = waiting;
      waiting = [];
      try {
        await archive(batch.flatMap(({ records }) => records));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        // Each sender keeps its records and sends them again.
        for (const { reject } of batch) reject(error);
      }
    }
    working = false;
  }

  async function archive(records: readonly StreamRecord[]): Promise<void> {
    for (let start = 0; start < records.length; start += BATCH_RECORDS_MAX) {
      const Records = records.slice(start, start + BATCH_RECORDS_MAX).map(toKinesis);
      const { batchItemFailures } = await handler({ Records });
      if (batchItemFailures.length > 0) {
        throw new GatewayError('ERR_ARCHIVE_UNAVAILABLE', 'Only a part could be archived');
      }
    }
  }

  function toKinesis({ key, data }: StreamRecord) {
    const sequenceNumber = nextSequence();
    return {
      eventID: `${SHARD}:${sequenceNumber}`,
      eventSource: 'aws:kinesis',
      kinesis: {
        partitionKey: key,
        sequenceNumber,
        data: Buffer.from(data).toString('base64'),
        approximateArrivalTimestamp: options.now() / 1_000,
      },
    };
  }

  return {
    put: (records) =>
      new Promise((resolve, reject) => {
        waiting.push({ records, resolve, reject });
        if (!working) void work();
      }),
  };
}

/**
 * Ascending, and never again after a restart, even with a clock that was set back: keys of the archive
 * are made of them. The time of the start, randomness, and a counter; as long as those of Kinesis.
 */
function makeSequence(startedAt: number): () => string {
  const start = String(startedAt).padStart(15, '0');
  const random = String(randomInt(2 ** 47)).padStart(15, '0');
  let counter = 0;
  return () => {
    counter += 1;
    return `49${start}${random}${String(counter).padStart(24, '0')}`;
  };
}
