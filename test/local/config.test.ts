import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../local/config.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-config-'));
});
afterAll(async () => rm(directory, { recursive: true, force: true }));

async function fromFile(settings: unknown): Promise<string[]> {
  const file = path.join(directory, 'config.json');
  await writeFile(file, JSON.stringify(settings));
  return ['--config', file];
}

async function problemsOf(args: readonly string[]): Promise<string> {
  return readConfig(args).then(
    () => 'none',
    (error: Error) => error.message,
  );
}

test('nothing said: the demo database, with its masks', async () => {
  const config = await readConfig([]);
  expect(config).toMatchObject({ port: 6432, pagePort: 7070, issuerPort: 7071, policies: null });
  expect(config.targets).toHaveLength(1);
  expect(config.targets[0]).toMatchObject({
    target: { name: 'orders', record: 'spool' },
    upstream: null,
  });
  expect(config.targets[0]?.target.masks.columns).toHaveLength(5);
});

test('a target of the user, by URL', async () => {
  const { targets } = await readConfig(['--target', 'postgres://me:p%40ss@localhost:5433/shop']);
  expect(targets).toMatchObject([
    {
      target: { name: 'shop', masks: { columns: [] } },
      upstream: {
        host: 'localhost',
        port: 5433,
        database: 'shop',
        user: 'me',
        password: 'p@ss',
        tls: { mode: 'disable' },
      },
    },
  ]);
});

test('two targets, by file', async () => {
  const targets = [
    { name: 'orders', environment: 'demo' },
    { name: 'shop', environment: 'prod', url: 'postgres://me@db.example.com/shop', record: 'sync' },
  ];
  const config = await readConfig(await fromFile({ port: 7000, targets }));
  expect(config.port).toBe(7000);
  expect(config.targets.map(({ target }) => [target.name, target.record])).toEqual([
    ['orders', 'spool'],
    ['shop', 'sync'],
  ]);
  expect(config.targets[1]?.upstream?.tls).toEqual({ mode: 'verify-full', ca: null });
});

test.each<[string, string[], RegExp]>([
  ['unknown flag', ['--prot', '1'], /--prot/],
  [
    'a port that is none',
    ['--port', 'abc', '--page-port', '70000'],
    /port: .*\n {2}pagePort: A port is at most/,
  ],
  ['a URL that is none', ['--target', 'localhost'], /--target: that is no URL/],
  ['another database', ['--target', 'mysql://a@localhost/b'], /begins with postgres/],
  ['no database', ['--target', 'postgres://a@localhost'], /names no database/],
  [
    'in the clear over a network',
    ['--target', 'postgres://a:secret@db.example.com/b?sslmode=disable'],
    /this machine alone/,
  ],
  [
    'a name that is no target name',
    ['--target', 'postgres://a@localhost/My%20Shop'],
    /cannot name a target/,
  ],
  ['no such file', ['--config', '/nonexistent.json'], /nonexistent/],
])('refused: %s', async (_name, args, expected) => {
  const problems = await problemsOf(args);
  expect(problems).toMatch(expected);
  expect(problems).not.toContain('secret');
});

test('every problem of a file at once, unknown keys too', async () => {
  const settings = {
    prot: 1,
    port: -1,
    targets: [{ name: 'Orders', environment: '', typo: true }],
  };
  const problems = await problemsOf(await fromFile(settings));
  for (const key of [
    'prot: there is no such key',
    'port: ',
    'targets.0.name',
    'targets.0.environment',
    'targets.0.typo',
  ]) {
    expect(problems).toContain(key);
  }
});
