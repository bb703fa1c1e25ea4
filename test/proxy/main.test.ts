/** The process itself: what it says and how it ends where it cannot start. test/aws has the rest. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const CONFIG = {
  listen: { host: '127.0.0.1', port: 5432 },
  identity: { issuer: 'https://login.example.com', audience: 'sallyport', groupsClaim: 'groups' },
  stopSeconds: 30,
  targets: [
    {
      name: 'orders',
      protocol: 'postgres',
      environment: 'test',
      masks: { columns: [], detectors: [] },
      upstream: { host: 'db', port: 5432, database: 'orders', secretArn: 'arn:orders', ca: null },
    },
  ],
};
const COMPLETE = {
  SALLYPORT_CONFIG: JSON.stringify(CONFIG),
  DECIDE_FUNCTION: 'decide',
  APPROVALS_FUNCTION: 'approvals',
  TABLE_NAME: 'table',
  STREAM_NAME: 'stream',
  SPOOL_DIRECTORY: join(mkdtempSync(join(tmpdir(), 'sallyport-main-')), 'spool'),
  TLS_SECRET_ARN: 'arn:tls',
  AWS_REGION: 'eu-west-1',
  AWS_EC2_METADATA_DISABLED: 'true',
};
const SIGNED = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

/** The last line of the log, and the exit status. */
async function run(env: Record<string, string>) {
  const child = spawn(process.execPath, ['proxy/main.ts'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [status] = (await once(child, 'close')) as [number];
  const lines = output.trimEnd().split('\n');
  return { status, last: JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
}

/** An address where nobody listens. */
async function nowhere(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

describe('proxy/main.ts', () => {
  it.each<[string, () => Promise<Record<string, string>>, RegExp]>([
    ['nothing', async () => ({}), /STREAM_NAME: The variable is missing[\s\S]*SALLYPORT_CONFIG/],
    ['no credentials', async () => COMPLETE, /TLS secret arn:tls: .*Could not load credentials/],
    [
      'endpoints that nobody answers',
      async () => ({ ...COMPLETE, ...SIGNED, AWS_ENDPOINT_URL: await nowhere() }),
      /TLS secret arn:tls: Secrets Manager does not answer: .*ECONNREFUSED/,
    ],
  ])('given %s, says so in one line and ends', async (_, env, reason) => {
    const { status, last } = await run(await env());
    expect(status).toBe(1);
    expect(last).toMatchObject({ event: 'proxy.start_failed', code: 'ERR_CONFIG_INVALID' });
    expect(last['error']).toMatch(reason);
    expect(last['hint']).not.toBe('');
  });
});
