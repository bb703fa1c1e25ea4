/** `sallyport query`: a named question, or SQL, over the table of events. */
import { parseArgs } from 'node:util';
import {
  type Answer,
  openDatabase,
  partitionsFrom,
  pathsOf,
  SqlError,
} from '../archive/database.ts';
import {
  HISTORY_DAYS,
  type NamedQuery,
  namedQueries,
  readsFrom,
  sqlFor,
} from '../archive/named_queries.ts';
import { openArchive } from '../archive/open.ts';
import { parseSince } from '../archive/since.ts';
import { formatTable } from '../archive/table.ts';
import { type CliCommand, type ExitStatus, type Io, UsageError } from './command.ts';

const PERIOD = '7d';

export const queryCommand: CliCommand = {
  name: 'query',
  summary: 'ask the archive, by a named query or in SQL',
  help: `Usage: sallyport query                       (lists the named queries)
       sallyport query NAME [options]
       sallyport query "SELECT …" [--since TIME] [options]

Asks the table "events" of the archive: what was recorded until now, in open sessions too. The named
queries run as they are in Athena, over the same table. Your own SQL is DuckDB's; it reads the table and
nothing else. A command is one row with event_kind 'command.result' or 'command.refused'; ts is UTC.

  sallyport query denied --since 30d
  sallyport query sessions-by-table --object public.payments
  sallyport query "select principal, count(*) from events group by 1"

Options:
  --since TIME      from then on: 90m, 12h, 7d, 2026-11-16 or 2026-11-16T08:00Z (${PERIOD}); first-seen
                    also reads the ${HISTORY_DAYS} days before
  --principal NAME  a named query: of this principal
  --object NAME     a named query: of this object, public.orders
  --env NAME        a named query: on targets of this environment
  --sql             print the SQL of a named query instead of running it
  --archive DIR     an archive of another place, instead of the local system's
  --full            do not cut long cells of the table
  --json            print an array of objects, one a row

Exit status: 0 answered (no rows is an answer), 1 it could not be, 2 bad usage.`,
  run,
};

type Values = ReturnType<typeof parse>['values'];

interface Question {
  readonly sql: string;
  /** Rows from then on are loaded, milliseconds since the epoch. */
  readonly from: number;
}

async function run(args: readonly string[], io: Io): Promise<ExitStatus> {
  const { values, positionals } = parse(args);
  const [asked, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError('Quote the SQL, so that it is one argument');
  if (asked === undefined) return list(values, io);
  const question = questionOf(asked, values);
  if (values.sql === true) {
    io.out(question.sql);
    return 0;
  }
  const answer = await answerTo(question, values, io);
  if (answer === null) return 1;
  const { columns, rows } = answer;
  io.out(
    values.json === true
      ? JSON.stringify(rows.map((row) => Object.fromEntries(columns.map((c, i) => [c, row[i]]))))
      : formatTable(
          columns,
          rows.map((row) => row.map(cellText)),
          { full: values.full === true },
        ),
  );
  return 0;
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      since: { type: 'string' },
      principal: { type: 'string' },
      object: { type: 'string' },
      env: { type: 'string' },
      archive: { type: 'string' },
      sql: { type: 'boolean' },
      full: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  });
}

function list(values: Values, io: Io): ExitStatus {
  const queries = namedQueries().map(({ name, description }) => ({ name, description }));
  if (values.json === true) io.out(JSON.stringify(queries));
  else io.out(queries.map((query) => `${query.name.padEnd(18)} ${query.description}`).join('\n'));
  return 0;
}

function questionOf(asked: string, values: Values): Question {
  const since = parseSince(values.since ?? PERIOD, Date.now());
  const named = namedQueries().find(({ name }) => name === asked);
  if (named !== undefined) return namedQuestion(named, since, values);
  // A name has no blank and SQL always has one: a slip in a name must not come back as a syntax error.
  if (!/\s/.test(asked.trim())) {
    throw new UsageError(`There is no query "${asked}": sallyport query lists them`);
  }
  const filter = (['principal', 'object', 'env', 'sql'] as const).find(
    (option) => values[option] !== undefined,
  );
  if (filter !== undefined) {
    throw new UsageError(`--${filter} is for named queries: write a WHERE instead`);
  }
  return { sql: asked, from: since };
}

function namedQuestion(named: NamedQuery, since: number, values: Values): Question {
  const { principal = '', object = '', env = '' } = values;
  const sql = sqlFor(named, { since, principal, object, env });
  return { sql, from: readsFrom(named.name, since) };
}

/** Null where the SQL is wrong: what DuckDB says of it was printed. */
async function answerTo(question: Question, values: Values, io: Io): Promise<Answer | null> {
  const { directory, reader } = await openArchive(values.archive, io);
  const keys: string[] = [];
  for await (const { key } of reader.list('events/')) keys.push(key);
  const files = pathsOf(directory, partitionsFrom(keys, question.from));
  const database = await openDatabase(files, question.from);
  try {
    return await database.query(question.sql);
  } catch (error) {
    // Ours says what to do; DuckDB's says where in the SQL it is wrong, and its stack says nothing.
    if (error instanceof SqlError) {
      io.err(error.message);
      return null;
    }
    throw error;
  } finally {
    database.close();
  }
}

function cellText(value: unknown): string {
  if (value === null) return '';
  if (Array.isArray(value)) return value.map(cellText).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
