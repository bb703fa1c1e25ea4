/**
 * The session's context as the server itself tells it. SET has many spellings (SET LOCAL, set_config,
 * ROLLBACK, DISCARD): the gateway does not re-enact them, it asks again after any of them.
 */
import type { SessionContext } from '../../../core/command.ts';

/** Everything qualified: a hostile search_path must not decide what the gateway reads. */
export const CONTEXT_QUERY = [
  'search_path',
  'session_replication_role',
  'row_security',
  'transform_null_equals',
  'default_transaction_read_only',
]
  .map((name) => `pg_catalog.current_setting('${name}')`)
  .reduce(
    (list, item) => `${list}, ${item}`,
    'SELECT current_user::pg_catalog.text, session_user::pg_catalog.text',
  );

const SETTING_NAMES = [
  'session_replication_role',
  'row_security',
  'transform_null_equals',
  'default_transaction_read_only',
] as const;

/** null where the row is not an answer to CONTEXT_QUERY. */
export function contextOf(
  row: readonly (string | null)[],
  database: string,
  transaction: SessionContext['transaction'],
): SessionContext | null {
  const [role, sessionUser, searchPath, ...values] = row;
  if (typeof role !== 'string' || typeof sessionUser !== 'string') return null;
  if (typeof searchPath !== 'string' || values.length !== SETTING_NAMES.length) return null;
  const settings: Record<string, string> = { session_authorization: sessionUser };
  for (const [index, name] of SETTING_NAMES.entries()) settings[name] = values[index] ?? '';
  return {
    database,
    role,
    searchPath: splitSearchPath(searchPath).map((name) => (name === '$user' ? role : name)),
    transaction,
    settings,
  };
}

/** As SplitIdentifierString of PostgreSQL's varlena.c: names, quoted or folded, between commas. */
export function splitSearchPath(text: string): readonly string[] {
  const names: string[] = [];
  for (const match of text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^",\s][^",]*?))\s*(?:,|$)/g)) {
    const [, quoted, plain] = match;
    const name = quoted === undefined ? (plain ?? '').toLowerCase() : quoted.replaceAll('""', '"');
    if (name !== '') names.push(name);
  }
  return names;
}
