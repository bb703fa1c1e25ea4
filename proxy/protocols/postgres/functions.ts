/**
 * Which of the server's own functions are harmless: those whose result is all they have.
 * An immutable or stable function that came with the server is, unless listed here; a volatile one is not, unless
 * listed here. PostgreSQL manual, chapter 9.
 */
import type { FunctionEntry } from './catalog_snapshot.ts';

/** Volatile, but they change nothing that another session could see, other than a sequence. */
const HARMLESS_VOLATILE: ReadonlySet<string> = new Set([
  'clock_timestamp',
  'timeofday',
  'random',
  'random_normal',
  'gen_random_uuid',
  'uuidv4',
  'uuidv7',
  'nextval',
  'currval',
  'lastval',
  'pg_backend_pid',
  'pg_relation_size',
  'pg_total_relation_size',
  'pg_table_size',
  'pg_indexes_size',
  'pg_database_size',
  'pg_tablespace_size',
  'pg_lock_status',
  'pg_show_all_settings',
  'pg_timezone_names',
  'pg_timezone_abbrevs',
  'pg_prepared_xact',
  'pg_is_in_recovery',
  'pg_last_wal_receive_lsn',
  'pg_last_wal_replay_lsn',
  'pg_current_wal_lsn',
  'pg_postmaster_start_time',
  'pg_conf_load_time',
  'pg_get_keywords',
  'pg_notification_queue_usage',
  'pg_encoding_max_length',
  'pg_partition_tree',
  'pg_partition_ancestors',
  'pg_partition_root',
  'pg_char_to_encoding',
]);

/** Stable or immutable, but they run SQL text, read files, reach outside, or show other sessions' data. */
const NEVER_HARMLESS: readonly RegExp[] = [
  /^(query|table|database|schema|cursor)_to_xml/,
  /^pg_read_/,
  /^pg_ls_/,
  /^pg_stat_file$/,
  /^pg_stat_get_(activity|backend_activity|wal_receiver|subscription)$/,
  /^lo_/,
  /^loread$|^lowrite$/,
  /^dblink/,
  /^set_config$/,
  /^pg_(cursor|prepared_statement|hba_file_rules|ident_file_mappings|show_all_file_settings)$/,
  /^ts_stat$|^ts_rewrite$/,
  /^pg_logical_|^pg_replication_/,
  /^pg_mcv_list_items$/,
  /^pg_event_trigger_/,
  /^binary_upgrade_/,
];

/** True where calling it does nothing but compute its result from its arguments. */
export function isHarmlessBuiltin(entry: FunctionEntry): boolean {
  if (!entry.builtin) return false;
  if (NEVER_HARMLESS.some((pattern) => pattern.test(entry.name))) return false;
  return entry.volatility !== 'v' || HARMLESS_VOLATILE.has(entry.name);
}

/**
 * System relations whose rows hold samples of data, other sessions' statements, or secrets: nothing that
 * is read from them is taken for clean.
 */
export const LEAKING_RELATIONS: ReadonlySet<string> = new Set(
  [
    'pg_statistic',
    'pg_statistic_ext_data',
    'pg_stats',
    'pg_stats_ext',
    'pg_stats_ext_exprs',
    'pg_stat_activity',
    'pg_stat_replication',
    'pg_stat_wal_receiver',
    'pg_stat_subscription',
    'pg_authid',
    'pg_shadow',
    'pg_user_mapping',
    'pg_user_mappings',
    'pg_largeobject',
    'pg_prepared_statements',
    'pg_cursors',
    'pg_file_settings',
    'pg_hba_file_rules',
    'pg_ident_file_mappings',
    'pg_replication_origin',
  ].map((name) => `pg_catalog.${name}`),
);

/** Single columns that hold secrets. */
export const LEAKING_COLUMNS: ReadonlySet<string> = new Set([
  'pg_catalog.pg_foreign_server.srvoptions',
  'pg_catalog.pg_foreign_data_wrapper.fdwoptions',
  'pg_catalog.pg_foreign_table.ftoptions',
  'pg_catalog.pg_subscription.subconninfo',
]);

/** By name alone, as extensions are created in any schema. */
export const LEAKING_NAMES: ReadonlySet<string> = new Set([
  'pg_stat_statements',
  'pg_buffercache',
  'user_mapping_options',
  'foreign_server_options',
]);
