/** Every bundle loads in a clean Node of the Lambda's version, from a folder with nothing but its own files. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { FUNCTIONS, type FunctionName, OUTPUT } from '../../build.ts';

const run = promisify(execFile);
const NODE = resolve('node_modules/.bin/node');

/** What the console accepts unzipped: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const UNZIPPED_BYTES_MAX = 250 * 1024 * 1024;

/** Names must be set or a handler says which is missing; none of these exists anywhere. */
const ENVIRONMENT = {
  AWS_REGION: 'eu-west-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  POLICIES_DIRECTORY: 'policies',
  TABLE_NAME: 'table',
  STATE_MACHINE_ARN: 'arn:aws:states:eu-west-1:111122223333:stateMachine:m',
  SEAL_KEY_ID: 'key',
  SLACK_SECRET_ARN: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:slack-AbCdEf',
  SLACK_CHANNEL: 'C0123456789',
  PAGE_URL: 'https://page.example.com',
  ARCHIVE_BUCKET: 'bucket',
  DIGEST_KEY_ID: 'key',
};

async function inCleanFolder(name: FunctionName, script: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `sallyport-${name}-`));
  await cp(join(OUTPUT, name), folder, { recursive: true });
  const { stdout } = await run(NODE, ['--input-type=module', '--eval', script], {
    cwd: folder,
    // No PATH, no HOME, no NODE_PATH: nothing of this machine can be found by chance.
    env: ENVIRONMENT,
    timeout: 30_000,
  });
  return stdout;
}

describe.each(Object.keys(FUNCTIONS) as FunctionName[])('%s', (name) => {
  it('exports an async handler of one or two arguments, in Node 24', async () => {
    const script = `
      const { handler } = await import(process.cwd() + '/index.mjs');
      console.log(JSON.stringify({
        kind: handler.constructor.name, length: handler.length, node: process.versions.node,
      }));
      process.exit();`;
    const told = JSON.parse(await inCleanFolder(name, script)) as Record<string, unknown>;
    expect(told['kind']).toBe('AsyncFunction');
    // Node 24 on Lambda refuses a third one, the callback of old.
    expect([1, 2]).toContain(told['length']);
    expect(told['node']).toMatch(/^24\./);
  });

  it('ships no source map and fits into a function', async () => {
    const files = await readdir(join(OUTPUT, name), { recursive: true });
    expect(files.filter((file) => file.endsWith('.map'))).toEqual([]);
    const sizes = await Promise.all(
      files.map(async (f) => (await stat(join(OUTPUT, name, f))).size),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(UNZIPPED_BYTES_MAX);
  });
});

it('decide judges from its bundle alone: Cedar and the policies lie beside it', async () => {
  const question = {
    question: 'connect',
    principal: {
      subject: 'nobody',
      email: null,
      kind: 'human',
      groups: [],
      actor: null,
      assurance: '',
    },
    target: {
      name: 'orders',
      protocol: 'postgres',
      environment: 'prod',
      masks: { columns: [], detectors: [] },
    },
  };
  const script = `
    const { handler } = await import(process.cwd() + '/index.mjs');
    console.log(JSON.stringify(await handler(${JSON.stringify(question)})));
    process.exit();`;
  expect(JSON.parse(await inCleanFolder('decide', script))).toMatchObject({
    kind: 'deny',
    message: expect.stringContaining('No policy permits nobody'),
  });
});
