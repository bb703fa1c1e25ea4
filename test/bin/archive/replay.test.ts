/** A session told: in the terminal, as data, and what hostile or damaged recordings become. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../../bin/cli.ts';
import { replayCommand } from '../../../bin/commands/replay.ts';
import { sessionsCommand } from '../../../bin/commands/sessions.ts';
import { recordingPrefix } from '../../../core/recording/segment.ts';
import {
  ALICE,
  chained,
  commandRecord,
  outcome,
  sessionId,
  sessionStart,
} from '../../support/archive.ts';
import { writeArchive } from '../../support/archive_writer.ts';

const T0 = Date.parse('2026-11-23T23:59:00Z');
const REQUEST = 'apr_01JDSESSAAAAAAAAAAAAAAAAAA';
const ended = sessionId(T0);
const open = sessionId(T0 + 3600_000, 1);

function story() {
  const held: Parameters<typeof commandRecord>[2] = {
    tag: 'UPDATE',
    verbs: ['update'],
    statement: "update orders\nset status = 'paid'\nwhere id = $1",
    parameters: ['17'],
    decision: 'hold',
    policies: ['changes-need-a-dba'],
    approval: {
      id: REQUEST,
      approvers: ['bob@example.com'],
      requestedAt: T0 + 20_000,
      decidedAt: T0 + 32_000,
    },
  };
  const read = commandRecord(ended, 1, { statement: 'select email from customers' });
  const drop = commandRecord(ended, 2, {
    tag: 'DROP TABLE',
    verbs: ['drop'],
    statement: 'drop table orders',
    decision: 'deny',
    policies: ['no-definitions'],
    refusal: 'Dropping is not for you: ask a dba',
  });
  const update = commandRecord(ended, 3, held);
  const masked = [{ kind: 'column:public.customers.email', count: 3 }];
  const step = (status: string, detail: string) => ({
    kind: 'approval.step',
    request: REQUEST,
    status,
    detail,
  });
  return chained(ended, ALICE, [
    { at: T0, body: sessionStart(ALICE) },
    { at: T0 + 1000, body: { kind: 'command.intent', record: read } },
    { at: T0 + 1003, body: { kind: 'command.result', record: read, outcome: outcome({ masked }) } },
    { at: T0 + 10_000, body: { kind: 'command.refused', record: drop } },
    { at: T0 + 20_000, body: step('requested', 'waiting for one of dba') },
    { at: T0 + 32_000, body: step('approved', '') },
    { at: T0 + 33_000, body: { kind: 'command.intent', record: update } },
    {
      at: T0 + 61_000,
      body: { kind: 'command.result', record: update, outcome: outcome({ rows: 1, bytes: 0 }) },
    },
    { at: T0 + 62_000, body: { kind: 'session.end', reason: 'client closed', commands: 3 } },
  ]);
}

/** What a client may type to fool who reads it later. */
const HOSTILE =
  'select 1 \u001b[2J\u001b]0;owned\u0007 \u202e--\u200b\r\n00:00:00.000  ✓ DROP: allowed';

function hostile() {
  const record = commandRecord(open, 1, { statement: HOSTILE, policies: ['a\nb'] });
  const running = commandRecord(open, 2, { statement: 'select pg_sleep(60)' });
  return chained(open, { ...ALICE, principal: 'eve\u001b[31m@example.com' }, [
    { at: T0 + 3600_000, body: sessionStart(ALICE, 'psql\u001b[0m\nfake') },
    { at: T0 + 3601_000, body: { kind: 'command.intent', record } },
    { at: T0 + 3601_002, body: { kind: 'command.result', record, outcome: outcome() } },
    { at: T0 + 3602_000, body: { kind: 'command.intent', record: running } },
    {
      at: T0 + 3603_000,
      body: { kind: 'approval.step', request: REQUEST, status: 'requested', detail: 'waiting' },
    },
  ]);
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-replay-'));
  const [first, second] = [story(), hostile()];
  // In two batches that overlap, the later one first: delivery is at least once, in any order.
  await writeArchive(directory, [first.slice(4), first.slice(0, 6), second]);
});
afterAll(() => rm(directory, { recursive: true }));

async function cli(...args: string[]) {
  const said = { status: 0, out: '', err: '' };
  const io = {
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
    root: '/nowhere',
    env: {},
  };
  const commands = [sessionsCommand, replayCommand];
  const where = args.includes('--archive') ? [] : ['--archive', directory];
  said.status = await runCli([...args, ...where], { commands, version: '0', io });
  return said;
}

test('a session reads from top to bottom', async () => {
  expect((await cli('replay', ended)).out).toMatchInlineSnapshot(`
    "Session ses_01M85DJGD00000000000000000
      Who      alice@example.com (human, in engineering)
      Target   orders (demo, postgres)
      Client   127.0.0.1:54012 with psql
      When     2026-11-23 23:59:00 to 2026-11-24 00:00:02 (1 min 2 s), ended: client closed; times are UTC
      Commands 3

    23:59:01.000  ✓ SELECT: allowed by engineering-reads
        | select email from customers
        Touches public.orders
        Succeeded: 3 rows, 120 bytes in 2.5 ms; masked column:public.customers.email 3

    23:59:10.000  ✗ DROP TABLE: denied by no-definitions
        | drop table orders
        Touches public.orders
        Refused: Dropping is not for you: ask a dba

    23:59:20.000  ✓ UPDATE: held by changes-need-a-dba
        | update orders
        | set status = 'paid'
        | where id = $1
        $1 = 17
        Touches public.orders
        Requested: waiting for one of dba
        Approved by bob@example.com after 12 s (apr_01JDSESSAAAAAAAAAAAAAAAAAA)
        Succeeded: 1 row, 0 bytes in 2.5 ms"
  `);
});

test('an open session with a running and a waiting command, and nothing that fools a terminal', async () => {
  const { out } = await cli('replay', 'last');
  expect(out).toMatch(/ 00:59:00, still open;/);
  expect(out).toMatch(/… SELECT: allowed by engineering-reads; no answer yet/);
  expect(out).toMatch(
    /… A command: held, waiting for an answer\n {4}Requested: waiting\n {4}Request apr_/,
  );
  expect(out).not.toMatch(/[^\P{C}\n]/u);
  expect(out).toMatch(/eve<U\+001B>\[31m@example.com/);
  expect(out).toMatch(/psql<U\+001B>\[0m<U\+000A>fake/);
  expect(out).toMatch(/allowed by a<U\+000A>b/);
  // A line break within a statement makes no line of the transcript.
  expect(out).toMatch(/^ {4}\| 00:00:00\.000 {2}✓ DROP: allowed$/m);
});

test('the list has the newest first, and the open one as open', async () => {
  const { out } = await cli('sessions');
  const lines = out.split('\n').map((line) => line.split(/ {2,}/));
  expect(lines[0]).toEqual(['session', 'who', 'target', 'started (UTC)', 'commands', 'state']);
  expect(lines.slice(2)).toEqual([
    [open, 'eve<U+001B>[31m@example.com', 'orders', '2026-11-24 00:59:00', '1', 'open'],
    [ended, 'alice@example.com', 'orders', '2026-11-23 23:59:00', '3', 'ended: client closed'],
  ]);
  const [first, second] = JSON.parse((await cli('sessions', '--json')).out);
  expect(first).toMatchObject({ session: open, state: 'open', endedAt: null, commands: 1 });
  expect(second).toMatchObject({
    session: ended,
    state: 'ended',
    endedAt: T0 + 62_000,
    commands: 3,
  });
});

test('--json keeps texts as they were recorded', async () => {
  const timeline = JSON.parse((await cli('replay', open, '--json')).out);
  expect(timeline.entries.map(({ status }: { status: string }) => status)).toEqual([
    'succeeded',
    'running',
    'waiting',
  ]);
  expect(timeline.entries[0].record.statement).toBe(HOSTILE);
  expect(timeline.problems).toEqual([]);
});

const bad: readonly [string, number, RegExp][] = [
  ['replay', 2, /^Name one session\. See/],
  ['replay a b', 2, /^Name one session/],
  ['replay last --html x --json', 2, /not both/],
  ['replay xyz', 1, /^Cannot find the session "xyz": there is none\nList them/],
  ['replay ses_', 1, /it could be any of 2\n/],
  ['replay last --archive /nowhere/at/all', 1, /^Cannot read "\/nowhere\/at\/all": there is no/],
  ['replay last --html /nowhere/x.html', 1, /^Cannot write "\/nowhere\/x.html"\n/],
];
test.each(bad)('sallyport %s: exit status %i', async (line, status, err) => {
  const said = await cli(...line.split(' '));
  expect(said.err).toMatch(err);
  expect(said.status).toBe(status);
});

describe('damage', () => {
  async function damaged(spoil: (folder: string, segments: readonly string[]) => Promise<void>) {
    const copy = await mkdtemp(path.join(tmpdir(), 'sallyport-damage-'));
    const first = story();
    await writeArchive(copy, [first.slice(0, 2), first.slice(2, 5), first.slice(5)]);
    const folder = path.join(copy, recordingPrefix(ended));
    const names = (await readdir(folder)).filter((name) => name.endsWith('.zst')).sort();
    await spoil(folder, names);
    const said = await cli('replay', ended, '--archive', copy);
    const listed = await cli('sessions', '--archive', copy);
    await rm(copy, { recursive: true });
    return { said, listed };
  }

  test('a missing segment is said so, and the rest is told', async () => {
    const { said } = await damaged((folder, names) => rm(path.join(folder, names[1] ?? '')));
    expect(said.out).toMatch(/THIS RECORDING IS DAMAGED:\n {2}Events 2 to 4 are missing\n/);
    expect(said.out).toMatch(/UPDATE: held/);
    expect(said.status).toBe(0);
  });

  test('a segment with other content is said so', async () => {
    const { said } = await damaged(async (folder, names) => {
      const other = await readFile(path.join(folder, names[0] ?? ''));
      await writeFile(path.join(folder, names[1] ?? ''), other);
    });
    expect(said.out).toMatch(/cannot be read: its content is not what its name says/);
  });

  test('nothing readable is an error, and no reason to hide the session from the list', async () => {
    const { said, listed } = await damaged(async (folder, names) => {
      for (const name of names) await writeFile(path.join(folder, name), 'no zstd');
      await rm(path.join(folder, 'manifest.json'));
    });
    expect(said.err).toMatch(/^Cannot read any event of ses_/);
    expect(said.status).toBe(1);
    expect(listed.out).toMatch(/unreadable: Cannot read any event/);
  });
});
