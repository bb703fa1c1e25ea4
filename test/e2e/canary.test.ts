/**
 * Nothing unmasked is written anywhere. Canaries are planted in masked data, in literals and in bound values;
 * then everything that the system keeps is searched for them. With masking switched off the same search
 * finds them, which proves that it looks in the right places.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { parquetReadObjects } from 'hyparquet';
import pg from 'pg';
import { expect, test } from 'vitest';
import { runSallyport, until } from '../../local/child.ts';
import { readConfig } from '../../local/config.ts';
import { mintToken } from '../../local/issuer.ts';
import { removePostgresHome } from '../../local/postgres_home.ts';
import { type RunningSystem, startSystem } from '../../local/system.ts';

/** Each is in one place only, so that a find tells how it got there. */
const CANARIES = {
  data: 'canary.data@example.net',
  freeText: 'canary.freetext@example.net',
  literal: 'canary.literal@example.net',
  bound: '912-13-7788',
  held: '+1 202-555-0177',
  heldBound: '912-14-9911',
} as const;

interface Trial {
  readonly system: RunningSystem;
  readonly state: string;
  readonly held: Held;
}

interface Held {
  /** Of the approval request. */
  readonly id: string;
  /** What the table held while it waited. */
  readonly table: string;
  /** Whether bob could approve it before, and after, he was shown the whole of it. */
  readonly approved: readonly [unseen: boolean, seen: boolean];
}

async function play(masks: object | null): Promise<Trial> {
  const state = await mkdtemp(path.join(tmpdir(), 'sallyport-canary-'));
  const file = path.join(state, 'config.json');
  const targets = [{ name: 'orders', environment: 'demo', ...(masks === null ? {} : { masks }) }];
  await writeFile(file, JSON.stringify(masks === null ? {} : { targets }));
  const ports = ['--port', '0', '--page-port', '0', '--issuer-port', '0'];
  const system = await startSystem({
    config: await readConfig(['--config', file, ...ports]),
    examplePolicies: path.resolve('policies'),
    stateDirectory: state,
    env: {},
    notice: () => {},
  });
  await plant(system, state);
  const client = await connect(system, 'alice');
  await client.query('select * from customers where id = 1');
  await attempt(client, `select id from customers where email = '${CANARIES.literal}'`);
  await attempt(client, 'select id from customers where ssn = $1', [CANARIES.bound]);
  await attempt(client, `select no_such_column from customers where email = '${CANARIES.literal}'`);
  const held = await holdAndAnswer(system, state, client);
  await client.end();
  return { system, state, held };
}

/** Straight into the database, past the gateway: the values that are behind it. */
async function plant(system: RunningSystem, state: string): Promise<void> {
  const credentials = path.join(state, 'postgres', 'credentials.json');
  const { gateway } = JSON.parse(await readFile(credentials, 'utf8'));
  const { host, port, database } = system.description.target;
  const owner = new pg.Client({
    host,
    port,
    database,
    user: 'sallyport_gateway',
    password: gateway,
  });
  await owner.connect();
  const notes = JSON.stringify({ text: `Write to ${CANARIES.freeText}`, tier: 'gold' });
  await owner.query('update customers set email = $1, notes = $2 where id = 1', [
    CANARIES.data,
    notes,
  ]);
  await owner.end();
}

async function connect(system: RunningSystem, user: string): Promise<pg.Client> {
  const { gateway, issuer } = system.description;
  const password = await mintToken(issuer.directory, user);
  const client = new pg.Client({ ...gateway, user, password });
  await client.connect();
  return client;
}

/** Refused or not, it is recorded either way. */
async function attempt(client: pg.Client, sql: string, values?: unknown[]): Promise<void> {
  await client.query(sql, values).catch(() => undefined);
}

/** Held, shown whole to one who may approve it, approved, run: every place a statement passes. */
async function holdAndAnswer(
  system: RunningSystem,
  state: string,
  client: pg.Client,
): Promise<Held> {
  const notices: string[] = [];
  client.on('notice', (notice) => notices.push(notice.message ?? ''));
  const sql = `update customers set phone = '${CANARIES.held}', ssn = $1 where id = $2`;
  const result = client.query(sql, [CANARIES.heldBound, 2]);
  result.catch(() => undefined);
  const id = await until('a notice', async () => /apr_\w{26}/.exec(notices.join())?.[0]);
  const table = JSON.stringify(await scan(system));
  const approve = async () =>
    (await runSallyport(state, ['approvals', 'approve', id, '--as', 'bob'])).status === 0;
  const unseen = await approve();
  await runSallyport(state, ['approvals', 'show', id, '--full', '--as', 'bob']);
  const seen = unseen || (await approve());
  await result.catch(() => undefined);
  return { id, table, approved: [unseen, seen] };
}

/** Everything kept, by place: files but PostgreSQL's own, the table, the executions, the queries' answers. */
async function kept(trial: Trial): Promise<ReadonlyMap<string, string>> {
  const places = new Map<string, string>();
  places.set('the table', JSON.stringify(await scan(trial.system)));
  places.set('the executions', JSON.stringify(trial.system.history()));
  await trial.system.close();
  for (const entry of await readdir(trial.state, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(trial.state, file);
    if (entry.isFile() && !name.startsWith('postgres/')) places.set(name, await content(file));
  }
  return places;
}

async function scan(system: RunningSystem): Promise<readonly unknown[]> {
  const { endpoint, table } = system.description.dynamodb;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials });
  const { Items } = await client.send(new ScanCommand({ TableName: table }));
  client.destroy();
  return Items ?? [];
}

/** Unpacked: a search of compressed bytes would find nothing, and prove nothing. */
async function content(file: string): Promise<string> {
  const bytes = await readFile(file);
  if (bytes.subarray(0, 4).toString('latin1') === 'PAR1') {
    const copy = new Uint8Array(bytes).buffer;
    const rows = await parquetReadObjects({
      file: copy,
      compressors: { ZSTD: (packed) => new Uint8Array(zstdDecompressSync(packed)) },
    });
    return JSON.stringify(rows, (_key, value) =>
      typeof value === 'bigint' ? String(value) : value,
    );
  }
  return unpack(bytes).toString('latin1');
}

function unpack(bytes: Buffer): Buffer {
  const magic = bytes.subarray(0, 4).toString('hex');
  // RFC 1952 and RFC 8878 section 3.1.1.
  if (magic.startsWith('1f8b')) return gunzipSync(bytes);
  return magic === '28b52ffd' ? zstdDecompressSync(bytes) : bytes;
}

/** Plain, in hexadecimal and in base64, whose text depends on where in a group of three it begins. */
function spellings(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].map((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    return padded.replace(/=+$/, '').slice(4, -4);
  });
  return [value, bytes.toString('hex'), ...base64];
}

function finds(places: ReadonlyMap<string, string>, value: string): readonly string[] {
  return [...places].flatMap(([place, text]) =>
    spellings(value).some((spelling) => text.includes(spelling)) ? [place] : [],
  );
}

async function discard({ state }: Trial): Promise<void> {
  await removePostgresHome(path.join(state, 'postgres'));
  await rm(state, { recursive: true, force: true });
}

test("masked: no canary is anywhere, and the sealed statement's key is gone", async () => {
  const trial = await play(null);
  const table = JSON.stringify(await scan(trial.system));
  const places = await kept(trial);
  for (const [name, value] of Object.entries(CANARIES)) {
    expect({ [name]: finds(places, value) }).toEqual({ [name]: [] });
  }
  // What was not shown whole cannot be approved.
  expect(trial.held.approved).toEqual([false, true]);
  expect(trial.held.table).toContain('sealedKey');
  expect(table).toContain(trial.held.id);
  expect(table).not.toContain('sealedKey');
  expect(table).not.toContain('sealedText');
  await discard(trial);
});

test('unmasked: the same search finds what was in statements, in every place that keeps them', async () => {
  const trial = await play({ columns: [], detectors: [] });
  const places = await kept(trial);
  for (const name of ['literal', 'bound'] as const) {
    expect(finds(places, CANARIES[name]).join()).toMatch(/archive/);
  }
  expect(trial.held.approved[0]).toBe(true);
  const held = finds(places, CANARIES.held).join();
  expect(held).toMatch(/archive/);
  expect(held).toMatch(/the table/);
  expect(held).toMatch(/slack_feed/);
  await discard(trial);
});
