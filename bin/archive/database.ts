/**
 * The table `events` in an embedded DuckDB, over the Parquet files of an archive directory.
 *
 * The rows are copied in first, and the door is shut behind them: whatever SQL runs then reaches no
 * file, no network and no setting. DuckDB is loaded when it is needed: it is 70 MB of native code that
 * a gateway does without.
 */
import path from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { GatewayError } from '../../core/errors.ts';
import { COLUMNS, type ColumnType } from '../../core/recording/columns.ts';

/** Longest that one query may run. The eight named ones take under a second over 100,000 events. */
const QUERY_MS_MAX = 60_000;
/** Most rows of one answer: more is not for eyes, and belongs into a narrower question. */
export const RESULT_ROWS_MAX = 100_000;
/** What DuckDB may take of the machine; its own default is 80 % of all memory. */
const MEMORY_MAX = '2GB';

const SETTINGS = {
  memory_limit: MEMORY_MAX,
  // Nothing that was recorded is left on a disk: a query that does not fit in memory fails.
  temp_directory: '',
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
};

const DUCKDB_TYPES: Readonly<Record<ColumnType, string>> = {
  string: 'VARCHAR',
  int64: 'BIGINT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMP',
  'string[]': 'VARCHAR[]',
  'int64[]': 'BIGINT[]',
};

export interface Answer {
  readonly columns: readonly string[];
  /** Strings, numbers, booleans, null and lists of them; instants as `2026-11-23 14:02:11.120`. */
  readonly rows: readonly (readonly unknown[])[];
}

/** The SQL is wrong, or asks for what it may not: the message says where. */
export class SqlError extends Error {}

export interface Database {
  /**
   * Runs one SELECT.
   * @throws GatewayError ERR_LIMIT_EXCEEDED where it takes too long, or answers too much
   * @throws SqlError
   */
  readonly query: (sql: string) => Promise<Answer>;
  readonly close: () => void;
}

/**
 * `files`: paths of Parquet files below a `dt=<date>` directory; `from`: rows before it are left out.
 * @throws GatewayError ERR_ARCHIVE_CORRUPT where a file is not what the archive writes
 */
export async function openDatabase(files: readonly string[], from: number): Promise<Database> {
  const { DuckDBInstance: instances, StatementType } = await loadDuckdb();
  const instance = await instances.create(':memory:', SETTINGS);
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await within(connection, () => loadEvents(connection, files, from));
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
  } catch (error) {
    // Closed, or the process would hang on it; then told to the caller.
    close(instance, connection);
    throw error;
  }
  const allowed: readonly number[] = [StatementType.SELECT, StatementType.EXPLAIN];
  return {
    query: (sql) => within(connection, () => select(connection, sql, allowed)),
    close: () => close(instance, connection),
  };
}

async function loadDuckdb() {
  try {
    return await import('@duckdb/node-api');
  } catch (cause) {
    throw new GatewayError('ERR_CONFIG_INVALID', 'Cannot load DuckDB, which runs local queries', {
      hint: 'Install it with: npm install. It is there for Linux, macOS and Windows on x64 and arm64',
      cause,
    });
  }
}

/** A column that old files lack is NULL; one that only newer ones have is left out. */
async function loadEvents(
  connection: DuckDBConnection,
  files: readonly string[],
  from: number,
): Promise<void> {
  const columns = [...COLUMNS, { name: 'dt', type: 'string' } as const];
  const shape = columns.map(({ name, type }) => `${name} ${DUCKDB_TYPES[type]}`).join(', ');
  await connection.run(`CREATE TABLE events (${shape})`);
  if (files.length === 0) return;
  const names = columns.map(({ name }) => name).join(', ');
  const paths = files.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ');
  const since = new Date(from).toISOString().replace('T', ' ').replace('Z', '');
  try {
    await connection.run(`
      INSERT INTO events (${names})
      SELECT DISTINCT ON (event_id) ${names} FROM (
        SELECT * FROM events
        UNION ALL BY NAME
        SELECT * FROM read_parquet([${paths}],
          hive_partitioning = true, hive_types = {'dt': VARCHAR}, union_by_name = true)
      ) WHERE ts >= TIMESTAMP '${since}' ORDER BY event_id, event_hash`);
  } catch (cause) {
    throw new GatewayError(
      'ERR_ARCHIVE_CORRUPT',
      `Cannot read the events: ${(cause as Error).message}`,
      { hint: 'Find out what is wrong with: sallyport verify', cause },
    );
  }
}

async function select(
  connection: DuckDBConnection,
  sql: string,
  allowed: readonly number[],
): Promise<Answer> {
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1) throw new SqlError('Give one statement, not several');
  const statement = await statements.prepare(0);
  if (!allowed.includes(statement.statementType))
    throw new SqlError('Only a SELECT can be run here');
  const reader = await statement.streamAndReadUntil(RESULT_ROWS_MAX + 1);
  const rows = reader.getRowsJS();
  if (rows.length > RESULT_ROWS_MAX) {
    throw new GatewayError('ERR_LIMIT_EXCEEDED', `More than ${RESULT_ROWS_MAX} rows answer this`, {
      hint: 'Ask for less: a shorter period, a GROUP BY or a LIMIT',
    });
  }
  const types = reader.columnTypes().map(String);
  return {
    columns: reader.deduplicatedColumnNames(),
    rows: rows.map((row) => row.map((value, i) => plain(value, types[i] === 'DATE'))),
  };
}

async function within<T>(connection: DuckDBConnection, work: () => Promise<T>): Promise<T> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    connection.interrupt();
  }, QUERY_MS_MAX);
  try {
    return await work();
  } catch (error) {
    if (!late) {
      if (error instanceof GatewayError || error instanceof SqlError) throw error;
      throw new SqlError((error as Error).message, { cause: error });
    }
    // DuckDB calls it interrupted, which is what was done to it and not why.
    throw new GatewayError('ERR_LIMIT_EXCEEDED', `No answer within ${QUERY_MS_MAX / 1000} s`, {
      hint: 'Ask for less: a shorter period, or a narrower condition',
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** A value of JavaScript's DuckDB client as one that JSON knows. */
function plain(value: unknown, isDate: boolean): unknown {
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value instanceof Date) {
    const text = value.toISOString().replace('T', ' ').replace('Z', '');
    return isDate ? text.slice(0, 10) : text;
  }
  if (Array.isArray(value)) return value.map((item) => plain(item, false));
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, plain(item, false)]),
    );
  }
  return value;
}

function close(instance: DuckDBInstance, connection: DuckDBConnection): void {
  connection.closeSync();
  instance.closeSync();
}

/** The files that can hold rows of the period, by their partition. Keys are the archive's. */
export function partitionsFrom(keys: readonly string[], from: number): readonly string[] {
  const date = new Date(from).toISOString().slice(0, 10);
  return keys.filter((key) => {
    const [, day] = /^events\/dt=(\d{4}-\d{2}-\d{2})\/[^/]+\.parquet$/.exec(key) ?? [];
    return day !== undefined && day >= date;
  });
}

export function pathsOf(directory: string, keys: readonly string[]): readonly string[] {
  return keys.map((key) => path.join(directory, ...key.split('/')));
}
