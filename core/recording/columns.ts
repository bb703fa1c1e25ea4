/**
 * The flat row that SQL sees: table `events`, one row per event.
 *
 * Commands are counted on `event_kind IN ('command.result', 'command.refused')`: each of these repeats
 * everything that is known of its command. A `command.intent` is a row of its own kind; one whose
 * answer never came is followed by a result with outcome `unknown`.
 *
 * Scalars and lists of scalars only: Athena and DuckDB unnest lists of structs differently. Only ever
 * add nullable columns; never change a type. `dt` (UTC date of `ts`) is the partition, not a column here.
 */
import { type CommandRecord, eventId, type Outcome, type RecordedEvent } from './event.ts';

export type ColumnType =
  | 'string'
  | 'int64'
  | 'double'
  | 'boolean'
  | 'timestamp'
  | 'string[]'
  | 'int64[]';

/** int64 as bigint (the Parquet writer throws on a number), timestamp as Date. */
export type Cell =
  | string
  | bigint
  | number
  | boolean
  | Date
  | readonly string[]
  | readonly bigint[]
  | null;
export type Row = Readonly<Record<string, Cell>>;

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

const TYPES = {
  ts: 'timestamp',
  event_id: 'string',
  session_id: 'string',
  seq: 'int64',
  event_kind: 'string',
  /** The chain's hash: ties the row to the recording. */
  event_hash: 'string',
  principal: 'string',
  principal_subject: 'string',
  principal_kind: 'string',
  principal_groups: 'string[]',
  target_name: 'string',
  target_env: 'string',
  client: 'string',
  command_id: 'string',
  /** The first verb; `verbs` holds all. */
  verb: 'string',
  verbs: 'string[]',
  tag: 'string',
  objects: 'string[]',
  opaque: 'string',
  bounded: 'boolean',
  decision: 'string',
  policies: 'string[]',
  policy_version: 'string',
  refusal: 'string',
  approval_id: 'string',
  /** The first to approve; `approvers` holds all. */
  approver: 'string',
  approvers: 'string[]',
  approval_requested_at: 'timestamp',
  approval_decided_at: 'timestamp',
  statement: 'string',
  statement_cut: 'int64',
  parameters: 'string[]',
  row_count: 'int64',
  byte_count: 'int64',
  masked_cells: 'int64',
  /** Parallel to `mask_counts`. */
  mask_kinds: 'string[]',
  mask_counts: 'int64[]',
  /** `succeeded`, `failed`, `cancelled`, `unknown`; `refused` for a command that never ran. */
  outcome: 'string',
  sql_state: 'string',
  duration_ms: 'double',
  /** What the other kinds of events have to say, in words. */
  detail: 'string',
} as const satisfies Record<string, ColumnType>;

type ColumnName = keyof typeof TYPES;

export const COLUMNS: readonly Column[] = Object.entries(TYPES).map(([name, type]) => ({
  name,
  type,
}));

const EMPTY = Object.freeze(
  Object.fromEntries(COLUMNS.map(({ name, type }) => [name, type.endsWith('[]') ? [] : null])),
) as Row;

export function rowOf(event: RecordedEvent): Row {
  const { who } = event;
  const common: Partial<Record<ColumnName, Cell>> = {
    ts: new Date(event.at),
    event_id: eventId(event),
    session_id: event.session,
    seq: BigInt(event.seq),
    event_kind: event.body.kind,
    event_hash: event.hash,
    principal: who.principal,
    principal_subject: who.subject,
    principal_kind: who.kind,
    principal_groups: who.groups,
    target_name: who.target,
    target_env: who.environment,
    client: who.client,
  };
  return { ...EMPTY, ...common, ...bodyCells(event) };
}

function bodyCells({ body }: RecordedEvent): Partial<Record<ColumnName, Cell>> {
  switch (body.kind) {
    case 'session.start':
      return { detail: body.application };
    case 'command.intent':
      return commandCells(body.record);
    case 'command.result':
      return { ...commandCells(body.record), ...outcomeCells(body.outcome) };
    case 'command.refused':
      return { ...commandCells(body.record), outcome: 'refused' };
    case 'approval.step':
      return {
        approval_id: body.request,
        detail: [body.status, body.detail].filter(Boolean).join(': '),
      };
    case 'session.end':
      return { detail: body.reason };
  }
}

function commandCells(record: CommandRecord): Partial<Record<ColumnName, Cell>> {
  const { approval } = record;
  return {
    command_id: record.command,
    verb: record.verbs[0] ?? null,
    verbs: record.verbs,
    tag: record.tag,
    objects: [...new Set(record.objects.map((object) => object.name))],
    opaque: record.opaque,
    bounded: record.bounded,
    decision: record.decision,
    policies: record.policies,
    policy_version: record.policyVersion,
    refusal: record.refusal === '' ? null : record.refusal,
    approval_id: approval?.id ?? null,
    approver: approval?.approvers[0] ?? null,
    approvers: approval?.approvers ?? [],
    approval_requested_at: approval === null ? null : new Date(approval.requestedAt),
    approval_decided_at: approval?.decidedAt == null ? null : new Date(approval.decidedAt),
    statement: record.statement,
    statement_cut: BigInt(record.statementCut),
    parameters: record.parameters,
  };
}

function outcomeCells(outcome: Outcome): Partial<Record<ColumnName, Cell>> {
  return {
    outcome: outcome.status,
    sql_state: outcome.sqlState === '' ? null : outcome.sqlState,
    row_count: BigInt(outcome.rows),
    byte_count: BigInt(outcome.bytes),
    masked_cells: BigInt(outcome.masked.reduce((sum, { count }) => sum + count, 0)),
    mask_kinds: outcome.masked.map(({ kind }) => kind),
    mask_counts: outcome.masked.map(({ count }) => BigInt(count)),
    duration_ms: outcome.durationMs,
  };
}

/** `2026-11-23`: the partition of an instant, in UTC. */
export function dateOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
