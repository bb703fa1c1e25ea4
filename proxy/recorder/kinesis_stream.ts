/**
 * The event stream in AWS. PutRecords is not atomic: a record may be refused for its shard's throughput
 * while the others are taken, so what was refused is sent again.
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { GatewayError } from '../../core/errors.ts';
import type { Log } from '../services.ts';
import type { EventStream, StreamRecord } from './stream.ts';

/** Records of one call, from the API's page. */
const RECORDS_MAX = 500;
/** Bytes of one call, partition keys included: 5 MiB, less what the request's own form may count. */
const BYTES_MAX = 4_500_000;
/** Attempts at the refused rest of a call; the shipper then starts over, later and later. */
const ATTEMPTS_MAX = 5;
/** Pause before the second attempt; it doubles. A shard's throughput is counted by the second. */
const RETRY_MS = 100;

/** Below the 5 s that a `sync` command waits at most. */
const CONNECT_TIMEOUT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 4_000;

/**
 * HTTP/1.1 on purpose: the client speaks HTTP/2 by itself, which endpoints other than AWS's do not, and
 * then waits for ever. A few requests a second gain nothing by it.
 */
export function makeKinesisClient(): KinesisClient {
  const requestHandler = new NodeHttpHandler({
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    throwOnRequestTimeout: true,
  });
  return new KinesisClient({ requestHandler, maxAttempts: 2 });
}

export function makeKinesisStream(
  client: KinesisClient,
  streamName: string,
  log: Pick<Log, 'warn'>,
): EventStream {
  return {
    put: async (records) => {
      for (const batch of batchesOf(records)) await putAll(client, streamName, batch, log);
    },
  };
}

async function putAll(
  client: KinesisClient,
  streamName: string,
  batch: readonly StreamRecord[],
  log: Pick<Log, 'warn'>,
): Promise<void> {
  let rest = batch;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await client.send(
      new PutRecordsCommand({
        StreamName: streamName,
        Records: rest.map(({ key, data }) => ({ PartitionKey: key, Data: data })),
      }),
    );
    const results = answer.Records ?? [];
    // A record without a sequence number of its own is one that the stream does not hold.
    rest = rest.filter((_, i) => results[i]?.SequenceNumber === undefined);
    if (rest.length === 0) return;
    const codes = [...new Set(results.flatMap(({ ErrorCode }) => ErrorCode ?? []))].join(', ');
    log.warn('recorder.stream.records_refused', { refused: rest.length, attempt, codes });
    if (attempt === ATTEMPTS_MAX) {
      throw new GatewayError(
        'ERR_RECORDING_FAILED',
        `The event stream refused ${rest.length} records: ${codes || 'no reason given'}`,
        { hint: 'Add shards to the stream, or look at its key and its alarms' },
      );
    }
    await sleep(RETRY_MS * 2 ** (attempt - 1));
  }
}

/** In order, each within the limits of one call. */
function batchesOf(records: readonly StreamRecord[]): readonly (readonly StreamRecord[])[] {
  const batches: StreamRecord[][] = [];
  let bytes = 0;
  for (const record of records) {
    const size = record.data.length + Buffer.byteLength(record.key);
    const open = batches.at(-1);
    if (open === undefined || open.length === RECORDS_MAX || bytes + size > BYTES_MAX) {
      batches.push([record]);
      bytes = size;
    } else {
      open.push(record);
      bytes += size;
    }
  }
  return batches;
}
