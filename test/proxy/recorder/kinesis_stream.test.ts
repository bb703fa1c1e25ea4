/** The real Kinesis client against an HTTP/1.1 endpoint that answers as the API's page says. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makeKinesisClient, makeKinesisStream } from '../../../proxy/recorder/kinesis_stream.ts';
import { memoryLog } from '../../support/recording.ts';

interface Call {
  readonly StreamName: string;
  readonly Records: readonly { readonly PartitionKey: string; readonly Data: string }[];
}

let server: Server;
let calls: Call[];
/** Which records of a call are refused. */
let refuses: (call: number, record: number) => boolean;

beforeEach(async () => {
  calls = [];
  refuses = () => false;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const call = JSON.parse(await text(request)) as Call;
    calls.push(call);
    const Records = call.Records.map((_, i) =>
      refuses(calls.length, i)
        ? { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded' }
        : { SequenceNumber: `${calls.length}${i}`, ShardId: 'shardId-000000000000' },
    );
    const FailedRecordCount = Records.filter((record) => 'ErrorCode' in record).length;
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify({ Records, FailedRecordCount }));
  };
  server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${port}`);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

const records = (count: number, bytes = 10) =>
  Array.from({ length: count }, (_, i) => ({ key: `ses_${i}`, data: Buffer.alloc(bytes, 'x') }));

test('sends records with their keys', async () => {
  const stream = makeKinesisStream(makeKinesisClient(), 'events', memoryLog());
  await stream.put([{ key: 'ses_1', data: Buffer.from('{"a":1}\n') }]);
  expect(calls).toEqual([
    {
      StreamName: 'events',
      Records: [{ PartitionKey: 'ses_1', Data: Buffer.from('{"a":1}\n').toString('base64') }],
    },
  ]);
});

test('keeps each call within the limits of the API', async () => {
  const stream = makeKinesisStream(makeKinesisClient(), 'events', memoryLog());
  await stream.put(records(501));
  await stream.put(records(10, 900_000));
  expect(calls.map(({ Records }) => Records.length)).toEqual([500, 1, 4, 4, 2]);
});

test('sends again what was refused, and only that', async () => {
  refuses = (call, record) => (call === 1 && record > 0) || (call === 2 && record === 1);
  const log = memoryLog();
  await makeKinesisStream(makeKinesisClient(), 'events', log).put(records(3));
  const keys = calls.map(({ Records }) => Records.map(({ PartitionKey }) => PartitionKey));
  expect(keys).toEqual([['ses_0', 'ses_1', 'ses_2'], ['ses_1', 'ses_2'], ['ses_2']]);
  expect(log.names()).toEqual([
    'recorder.stream.records_refused',
    'recorder.stream.records_refused',
  ]);
});

test('rejects when the stream goes on refusing, so that nothing counts as acknowledged', async () => {
  refuses = (_, record) => record === 0;
  const put = makeKinesisStream(makeKinesisClient(), 'events', memoryLog()).put(records(2));
  await expect(put).rejects.toThrow(/refused 1 records: ProvisionedThroughputExceededException/);
  expect(calls.map(({ Records }) => Records.length)).toEqual([2, 1, 1, 1, 1]);
});
