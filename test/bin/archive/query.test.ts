/**
 * The named queries against an independent computation in JavaScript over the same archive; the walls
 * around a user's SQL; and that what is shipped to Athena uses nothing that DuckDB alone knows.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, partitionsFrom, pathsOf } from '../../../bin/archive/database.ts';
import { athenaSql, namedQueries, quote, sqlFor } from '../../../bin/archive/named_queries.ts';
import { runCli } from '../../../bin/cli.ts';
import { queryCommand } from '../../../bin/commands/query.ts';
import { makeArchiveDirectory } from '../../../local/archive_directory.ts';
import { writeArchive } from '../../support/archive_writer.ts';
import { type Done, generate } from './generated.ts';

const NOW = Date.parse('2026-11-18T12:00:00Z');
const SINCE = NOW - 30 * 86_400_000;
/** `--since` in the words of the command line. */
const PERIOD = ['--since', new Date(SINCE).toISOString().replace('.000', '')] as const;
const { batches, done } = generate(NOW);

let directory: string;
let empty: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sallyport-query-it's-[a]*-"));
  empty = await mkdtemp(path.join(tmpdir(), 'sallyport-empty-'));
  await writeArchive(directory, batches);
});
afterAll(() => Promise.all([directory, empty].map((each) => rm(each, { recursive: true }))));

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
  const where = args.includes('--archive') ? [] : ['--archive', directory];
  said.status = await runCli(['query', ...args, ...where], {
    commands: [queryCommand],
    version: '0',
    io,
  });
  return said;
}

type Answered = readonly Readonly<Record<string, unknown>>[];
async function ask(...args: string[]): Promise<Answered> {
  const { status, out, err } = await cli(...args, '--json');
  expect(err).toBe('');
  expect(status).toBe(0);
  return JSON.parse(out);
}

const ran = ({ outcome }: Done) => outcome !== 'refused';
const text = (at: number) => new Date(at).toISOString().replace('T', ' ').replace('Z', '');
const first = (rows: readonly Done[]) => text(Math.min(...rows.map(({ at }) => at)));
const distinct = (values: readonly string[]) => new Set(values).size;

function grouped<T>(rows: readonly T[], key: (row: T) => readonly unknown[]) {
  return [...Map.groupBy(rows, (row) => JSON.stringify(key(row)))]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([json, members]) => ({ key: JSON.parse(json), members }));
}

/** One row for each object of each command that ran. */
const touches = (rows: readonly Done[]) =>
  rows.filter(ran).flatMap((row) => row.objects.map((obj) => ({ ...row, obj })));

/** The answer that each query must give over these commands: written without a look at the SQL. */
const EXPECTED: Readonly<Record<string, (rows: readonly Done[], since: number) => Answered>> = {
  drops: (rows) =>
    rows
      .filter((row) => ran(row) && row.verbs.includes('drop'))
      .toSorted((a, b) => a.at - b.at)
      .map(({ at, principal, decision, approver, statement }) => ({
        ts: text(at),
        principal,
        decision,
        approver,
        statement,
      })),
  'sessions-by-table': (rows) =>
    grouped(touches(rows), (row) => [row.obj, row.session, row.principal, row.target]).map(
      ({ key: [obj, session_id], members }) => ({
        obj,
        session_id,
        first_ts: first(members),
        command_count: members.length,
        rows_returned: members.reduce((sum, { rows }) => sum + rows, 0),
      }),
    ),
  denied: (rows) =>
    grouped(rows, ({ principal }) => [principal])
      .map(({ key: [principal], members }) => {
        const refused = members.filter((row) => !ran(row)).toSorted((a, b) => a.at - b.at);
        const denied = refused.filter(({ decision }) => decision === 'deny').length;
        return {
          principal,
          command_count: members.length,
          denied,
          not_approved: refused.length - denied,
          refused_percent: Math.round((refused.length / members.length) * 10_000) / 100,
          last_refused: refused.at(-1)?.statement,
        };
      })
      .filter(({ last_refused }) => last_refused !== undefined)
      .toSorted(
        (a, b) =>
          b.denied - a.denied ||
          b.not_approved - a.not_approved ||
          (a.principal < b.principal ? -1 : 1),
      ),
  approvals: (rows) =>
    grouped(
      rows.filter(({ approver }) => approver !== null),
      ({ approver }) => [approver],
    ).map(({ key: [approver], members }) => {
      const waits = members.map(({ waited }) => waited / 1000).toSorted((a, b) => a - b);
      // The nearest rank: the shortest wait that so many of all did not exceed.
      const at = (portion: number) => waits[Math.ceil(portion * waits.length) - 1];
      return {
        approver,
        approved: waits.length,
        average_s: expect.closeTo(waits.reduce((sum, s) => sum + s, 0) / waits.length, 6),
        p50_s: at(0.5),
        p95_s: at(0.95),
        longest_s: waits.at(-1),
      };
    }),
  masked: (rows) =>
    grouped(
      rows.flatMap((row) => row.masked.map((mask) => ({ ...row, ...mask }))),
      ({ target, kind }) => [target, kind],
    ).map(({ key: [target_name, kind], members }) => ({
      target_name,
      kind,
      cells: members.reduce((sum, { count }) => sum + count, 0),
      people: distinct(members.map(({ principal }) => principal)),
    })),
  'off-hours': (rows) =>
    grouped(
      rows.filter(({ at, outcome }) => {
        const when = new Date(at);
        const off = when.getUTCHours() < 7 || when.getUTCHours() >= 19;
        return outcome !== 'refused' && (off || [0, 6].includes(when.getUTCDay()));
      }),
      ({ principal, env }) => [principal, env],
    )
      .map(({ key: [principal, target_env], members }) => ({
        principal,
        target_env,
        off_hours: members.length,
        session_count: distinct(members.map(({ session }) => session)),
        first_ts: first(members),
      }))
      .toSorted((a, b) => b.off_hours - a.off_hours),
  'commands-of': (rows) =>
    rows
      .toSorted((a, b) =>
        a.session === b.session ? a.seq - b.seq : a.session < b.session ? -1 : 1,
      )
      .map(({ session, seq, at, outcome, statement }) => ({
        session_id: session,
        seq,
        ts: text(at),
        outcome,
        statement,
      })),
  'first-seen': (rows, since) =>
    grouped(touches(rows), ({ principal, target, obj }) => [principal, target, obj])
      .filter(({ members }) => Math.min(...members.map(({ at }) => at)) >= since)
      .map(({ key: [principal, target_name, obj], members }) => ({
        principal,
        target_name,
        obj,
        first_ts: first(members),
      })),
};

const filters: readonly [string, readonly string[], (row: Done) => boolean][] = [
  ['everybody', [], () => true],
  [
    'one principal in one environment',
    ['--principal', 'bob@example.com', '--env', 'prod'],
    (row) => row.principal.startsWith('bob') && row.env === 'prod',
  ],
];

describe.each(namedQueries().map(({ name }) => name))('%s', (name) => {
  test.each(filters)('says what JavaScript computes, for %s', async (_, args, belongs) => {
    const rows = done.filter(belongs);
    const period = name === 'first-seen' ? rows : rows.filter(({ at }) => at >= SINCE);
    const expected = EXPECTED[name]?.(period, SINCE) ?? expect.fail('no expectation');
    const answered = await ask(name, ...PERIOD, ...args);
    expect(answered).toHaveLength(expected.length);
    // Rows that tie in the order of a query may come in any order: compared as sets then.
    expect(answered).toEqual(
      name === 'off-hours'
        ? expect.arrayContaining(expected.map((row) => expect.objectContaining(row)))
        : expected.map((row) => expect.objectContaining(row)),
    );
    expect(expected.length).toBeGreaterThan(0);
  });

  test('over an empty archive: its columns, and no rows', async () => {
    const { status, out } = await cli(name, '--archive', empty);
    expect(status).toBe(0);
    const [head = '', , ...rows] = out.split('\n');
    expect(rows).toEqual([]);
    const [row] = EXPECTED[name]?.(done, SINCE) ?? [];
    expect(head.split(/ {2,}/)).toEqual(expect.arrayContaining(Object.keys(row ?? { x: 1 })));
  });
});

test('in Athena nothing drops copies before the query does: each does so by itself', async () => {
  const keys: string[] = [];
  for await (const { key } of makeArchiveDirectory(directory).list('events/')) keys.push(key);
  const database = await openDatabase(pathsOf(directory, partitionsFrom(keys, 0)), 0);
  const twice = 'FROM (SELECT * FROM events UNION ALL SELECT * FROM events) AS events';
  for (const query of namedQueries()) {
    const sql = sqlFor(query, { since: SINCE, principal: '', object: '', env: '' });
    const answer = await database.query(sql);
    expect(answer.rows.length).toBeGreaterThan(0);
    const doubled = sql.replace('FROM events', twice);
    expect(doubled).not.toBe(sql);
    expect(await database.query(doubled)).toEqual(answer);
  }
  database.close();
});

test('--object picks what touched it, and only that object', async () => {
  const rows = await ask('sessions-by-table', ...PERIOD, '--object', 'public.payments');
  expect(new Set(rows.map(({ obj }) => obj))).toEqual(new Set(['public.payments']));
});

test('without arguments it lists the eight', async () => {
  const { out } = await cli();
  expect(out.split('\n')).toHaveLength(8);
  expect(out).toMatch(/^drops {14}Every DROP that ran/);
});

test('SQL of the user: types, each event once, the period', async () => {
  const [row] = await ask(
    `select count(*) as n, count(distinct event_id) as ids, min(ts) as ts, min(dt) as dt,
       any_value(seq) is not null as has_seq, sum(row_count) as rows, [1, 2] as list,
       date '2026-01-02' as day, 'x' as x, 'y' as x from events
     where event_kind in ('command.result', 'command.refused')`,
    ...PERIOD,
  );
  const recent = done.filter(({ at }) => at >= SINCE);
  expect(row).toEqual({
    n: recent.length,
    ids: recent.length,
    ts: first(recent),
    dt: first(recent).slice(0, 10),
    has_seq: true,
    rows: recent.reduce((sum, { rows }) => sum + rows, 0),
    list: [1, 2],
    day: '2026-01-02',
    x: 'x',
    'x:1': 'y',
  });
});

const WALLED: readonly string[] = [
  "select * from read_csv('/etc/passwd')",
  "select * from '/etc/passwd'",
  "select content from read_text('/proc/self/environ')",
  "select * from glob('/*')",
  "copy events to '/tmp/sallyport-stolen.csv'",
  "attach '/tmp/sallyport.db' as other",
  'set enable_external_access = true',
  'install httpfs',
  'drop table events',
  'select 1; select 2',
  "call enable_logging(storage = 'file', storage_path = '/tmp/sallyport-log')",
];
test.each(WALLED)('the SQL of a user reaches the table alone: %s', async (sql) => {
  const said = await cli(sql);
  expect(said.status).toBe(1);
  expect(said.out).toBe('');
  expect(said.err).toMatch(/disabled by configuration|does not exist|Only a SELECT|one statement/);
});

const bad: readonly [readonly string[], number, RegExp][] = [
  [['drop'], 2, /^There is no query "drop"/],
  [['select', '1'], 2, /^Quote the SQL/],
  [['select 1', '--principal', 'x'], 2, /^--principal is for named queries/],
  [['drops', '--since', 'yesterday'], 2, /^Cannot read "yesterday": write --since like/],
  [['drops', '--since', '2026-02-30'], 2, /^Cannot read "2026-02-30"/],
  [['drops', '--principal', 'a\nb'], 2, /^Cannot search for "a\\nb": it has control/],
  [['selec 1'], 1, /syntax error/],
  [['select * from range(200000)'], 1, /^More than 100000 rows answer this\nAsk for less/],
  [['drops', '--archive', '/nowhere/at/all'], 1, /there is no such directory/],
];
test.each(bad)('sallyport query %s: exit status %i', async (args, status, err) => {
  const said = await cli(...args);
  expect(said.err).toMatch(err);
  expect(said.status).toBe(status);
});

test('a value with quotes is a value', async () => {
  expect(quote("o'brien' or '1'='1")).toBe("'o''brien'' or ''1''=''1'");
  expect(await ask('commands-of', ...PERIOD, '--principal', "' or ''='")).toEqual([]);
  const [row] = await ask('commands-of', ...PERIOD, '--principal', "o'brien@example.com");
  expect(row?.['principal']).toBe("o'brien@example.com");
});

test('a damaged file is named', async () => {
  const folder = path.join(empty, 'damaged', 'events', `dt=${text(NOW).slice(0, 10)}`);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'a-1-2.parquet'), 'not parquet at all');
  const said = await cli('drops', '--archive', path.join(empty, 'damaged'));
  expect(said.status).toBe(1);
  expect(said.err).toMatch(/^Cannot read the events: .*a-1-2\.parquet/);
});

/** What Trino and DuckDB both have, with the same meaning: field notes A3, and the manuals of both. */
const PORTABLE = new Set(
  `avg cast contains count count_if cume_dist date_diff extract max max_by min round row_number sum
   unnest`.split(/\s+/),
);
/** Not calls, though a bracket follows. */
const GRAMMAR = new Set('and as by distinct events filter from in m o or over where'.split(' '));

test.each(namedQueries())('$name says nothing that Athena does not understand', (query) => {
  const sql = athenaSql(query);
  // Literals and comments say what they like.
  const code = sql.replaceAll(/--.*/g, '').replaceAll(/'(?:[^']|'')*'/g, "''");
  const calls = [...code.matchAll(/\b([a-z_]+)\s*\(/gi)].map(
    ([, name]) => name?.toLowerCase() ?? '',
  );
  expect(calls.filter((name) => !PORTABLE.has(name) && !GRAMMAR.has(name))).toEqual([]);
  expect(code).not.toMatch(
    /::|:[a-z]|\b(?:qualify|exclude|lambda|ilike|using sample|struct|any_value)\b|->|[[{]\s*\d/i,
  );
  // Athena reads the partitions of the period alone only where `dt` is compared with what is constant.
  expect(code).toMatch(/WHERE dt >= CAST\(\(current_date - INTERVAL '' DAY\) AS varchar\)/);
  // https://docs.aws.amazon.com/athena/latest/APIReference/API_NamedQuery.html
  expect(sql.length).toBeLessThan(262_144);
  expect(query.description.length).toBeGreaterThan(10);
});
