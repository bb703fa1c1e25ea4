/**
 * The eight questions that everybody asks of the archive, as SQL that Athena (Trino) and DuckDB both run:
 * `sallyport query` runs these files, and the template of the stack carries the same text.
 *
 * Each is its file behind `commands.sql`, which picks the commands of the period, each once (delivery is
 * at least once). Parameters are put in as literals: Athena skips partitions for literals alone, and
 * DuckDB and Trino bind parameters differently.
 */
import { readFileSync } from 'node:fs';
import { UsageError } from '../commands/command.ts';

/** In the order of the list that `sallyport query` prints. A name's file is `<name>.sql`, with `_`. */
const NAMES = [
  'drops',
  'sessions-by-table',
  'denied',
  'approvals',
  'masked',
  'off-hours',
  'commands-of',
  'first-seen',
] as const;
export type QueryName = (typeof NAMES)[number];

/** The one query that compares the period with what was before it. */
const COMPARING: QueryName = 'first-seen';
export const HISTORY_DAYS = 90;
/** The period of a query that runs in Athena's console, where nobody fills it in. */
const DEFAULT_DAYS = 7;
const DAY_MS = 24 * 3600 * 1000;

export interface NamedQuery {
  readonly name: QueryName;
  /** One line: what it answers. */
  readonly description: string;
  /** With `:parameters`, see sqlFor. */
  readonly template: string;
}

export interface QueryFilter {
  /** Milliseconds since the epoch: the period goes from here to now. */
  readonly since: number;
  /** Exact values; '' for any. */
  readonly principal: string;
  readonly object: string;
  readonly env: string;
}

export function namedQueries(): readonly NamedQuery[] {
  const commands = sqlFile('commands');
  return NAMES.map((name) => {
    const [comment = '', ...sql] = sqlFile(name.replaceAll('-', '_')).split('\n');
    const description = comment.replace(/^-- /, '');
    return { name, description, template: `${comment}\n${commands}${sql.join('\n')}` };
  });
}

function sqlFile(name: string): string {
  return readFileSync(new URL(`./queries/${name}.sql`, import.meta.url), 'utf8');
}

/** From when a query reads rows, milliseconds since the epoch: earlier than `since` where it compares. */
export function readsFrom(name: QueryName, since: number): number {
  return name === COMPARING ? since - HISTORY_DAYS * DAY_MS : since;
}

/** The SQL of a query over one period. */
export function sqlFor({ name, template }: NamedQuery, filter: QueryFilter): string {
  const from = readsFrom(name, filter.since);
  return fill(template, {
    from: timestamp(from),
    from_date: quote(new Date(from).toISOString().slice(0, 10)),
    since: timestamp(filter.since),
    principal: quote(filter.principal),
    object: quote(filter.object),
    env: quote(filter.env),
  });
}

/** The SQL of a query for Athena's console: the last seven days, of anyone, whenever it runs. */
export function athenaSql({ name, template }: NamedQuery): string {
  const back = name === COMPARING ? DEFAULT_DAYS + HISTORY_DAYS : DEFAULT_DAYS;
  const day = (days: number) => `(current_date - INTERVAL '${days}' DAY)`;
  return fill(template, {
    from: `CAST(${day(back)} AS timestamp)`,
    from_date: `CAST(${day(back)} AS varchar)`,
    since: `CAST(${day(DEFAULT_DAYS)} AS timestamp)`,
    principal: quote(''),
    object: quote(''),
    env: quote(''),
  });
}

function fill(template: string, literals: Readonly<Record<string, string>>): string {
  return template.replace(/:([a-z_]+)/g, (_, name: string) => {
    const literal = literals[name];
    if (literal === undefined) throw new Error(`Broken invariant: no value for :${name}`);
    return literal;
  });
}

function timestamp(at: number): string {
  return `TIMESTAMP ${quote(new Date(at).toISOString().slice(0, 23).replace('T', ' '))}`;
}

/**
 * A string literal of standard SQL: DuckDB and Trino know no escapes in one but the doubled quote.
 * @throws UsageError for text that no recorded name contains and some client would read as an end
 */
export function quote(text: string): string {
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) {
    throw new UsageError(`Cannot search for ${JSON.stringify(text)}: it has control characters`);
  }
  return `'${text.replaceAll("'", "''")}'`;
}
