/** The bounded client against a Slack that misbehaves: no call outlives what a click may take. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { makeSlackApi } from '../../../functions/slack/client.ts';

/** Slack's own limit for the answer to a click. */
const CLICK_MS = 3_000;
let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function slackThat(answers: (response: ServerResponse) => void) {
  server = createServer((_request, response) => answers(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return makeSlackApi({ token: 'xoxb-test', slackApiUrl: `http://127.0.0.1:${port}/api/` });
}

const MISBEHAVIOUR: readonly [string, (response: ServerResponse) => void][] = [
  ['hangs', () => {}],
  ['fails', (response) => response.writeHead(500).end()],
  ['limits the rate', (response) => response.writeHead(429, { 'retry-after': '30' }).end()],
  ['says no', (response) => response.end('{"ok":false,"error":"channel_not_found"}')],
  ['breaks off', (response) => response.destroy()],
];
test.each(MISBEHAVIOUR)('gives up in time on a Slack that %s', async (_name, answers) => {
  const slack = await slackThat(answers);
  const started = performance.now();
  await expect(slack.postMessage('C1', { text: 'hello', blocks: [] })).rejects.toThrow();
  expect(performance.now() - started).toBeLessThan(CLICK_MS);
});
