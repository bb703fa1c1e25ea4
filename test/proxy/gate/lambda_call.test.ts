/** What goes to a Lambda, how often, and what becomes of its failures. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, describe, expect, test } from 'vitest';
import { callApprovalsLambda, callDecideLambda } from '../../../proxy/gate/lambda_call.ts';
import { REQUEST } from '../../support/approval_requests.ts';
import { ALICE, CANARY } from '../../support/gate_world.ts';

/** Status, body and headers of the Invoke API. */
type Answer = readonly [number, unknown, Readonly<Record<string, string>>];

const gives = (value: unknown): Answer => [200, value, {}];
const fails: Answer = [500, { message: 'Throttled' }, {}];
const crashes: Answer = [200, { errorMessage: CANARY }, { 'x-amz-function-error': 'Unhandled' }];

let server: Server | undefined;
let client: LambdaClient | undefined;
afterEach(() => {
  client?.destroy();
  server?.closeAllConnections();
  server?.close();
});

/** The SDK's own client, and a server that answers one after the other. */
async function clientThat(...answers: readonly Answer[]) {
  const sent: { readonly path: string | undefined; readonly body: string }[] = [];
  const made = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      sent.push({ path: request.url, body: Buffer.concat(chunks).toString() });
      const [status, body, headers] = answers[sent.length - 1] ?? fails;
      response.writeHead(status, headers).end(JSON.stringify(body));
    });
  });
  server = made;
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  client = new LambdaClient({
    endpoint: `http://127.0.0.1:${(made.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  return { client, sent };
}

const QUESTION = {
  question: 'connect',
  principal: ALICE.principal,
  target: ALICE.target,
} as const;
const { signal } = new AbortController();

describe('a judgement', () => {
  test('is asked as JSON and answered as it came', async () => {
    const { client, sent } = await clientThat(gives({ kind: 'allow' }));
    expect(await callDecideLambda(client, 'decide')(QUESTION, signal)).toEqual({ kind: 'allow' });
    const path = '/2015-03-31/functions/decide/invocations';
    expect(sent).toEqual([{ path, body: JSON.stringify(QUESTION) }]);
  });

  test.each([
    ['fails', fails],
    ['crashes', crashes],
  ])(
    'is asked for once more where the first attempt %s, and not a third time',
    async (_name, first) => {
      const second = await clientThat(first, gives('yes'));
      expect(await callDecideLambda(second.client, 'decide')(QUESTION, signal)).toBe('yes');
      const never = await clientThat(first, first, gives('yes'));
      await expect(callDecideLambda(never.client, 'decide')(QUESTION, signal)).rejects.toThrow();
      expect(never.sent).toHaveLength(2);
    },
  );

  test('is not asked for once nobody waits', async () => {
    const { client, sent } = await clientThat(gives('yes'));
    await expect(
      callDecideLambda(client, 'decide')(QUESTION, AbortSignal.abort()),
    ).rejects.toThrow();
    expect(sent).toHaveLength(0);
  });
});

describe('an operation on a request', () => {
  const operation = { operation: 'withdraw', id: REQUEST, reason: 'x' } as const;

  test.each([
    ['fails', fails],
    ['crashes', crashes],
  ])('is sent once, also where it %s', async (_name, answer) => {
    const { client, sent } = await clientThat(answer, gives('yes'));
    await expect(callApprovalsLambda(client, 'approvals')(operation)).rejects.toThrow();
    expect(sent).toHaveLength(1);
  });

  test('a crash is told without what it said', async () => {
    const { client } = await clientThat(crashes);
    const error = await callApprovalsLambda(client, 'approvals')(operation).catch(String);
    expect(error).toContain('approvals failed: Unhandled');
    expect(error).not.toContain(CANARY);
  });
});
