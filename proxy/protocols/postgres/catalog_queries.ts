/**
 * Reading the catalog (PostgreSQL manual, chapter 53) into rows for a snapshot. Every name is qualified:
 * nothing here depends on a search_path.
 */
import {
  FIRST_USER_OID,
  type FunctionEntry,
  type OperatorEntry,
  type Relation,
  type RelationKind,
  type SnapshotRows,
} from './catalog_snapshot.ts';

/** What is used of a connection of the `pg` package. */
export interface Querier {
  readonly query: <Row extends object>(text: string) => Promise<{ readonly rows: Row[] }>;
}

/** Every relation that a statement can name; TOAST tables and other sessions' temporary ones are left out. */
const RELATIONS = `
  select c.oid::int8::text as oid, n.nspname as schema, c.relname as name, c.relkind as kind,
    case when c.relkind in ('v', 'm') and c.oid >= ${FIRST_USER_OID}
      then pg_catalog.pg_get_viewdef(c.oid) end as definition,
    coalesce((select pg_catalog.json_agg(pg_catalog.json_build_array(a.attnum, a.attname, a.attnotnull,
          case when a.attgenerated <> '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end)
        order by a.attnum)
      from pg_catalog.pg_attribute a
        left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
    coalesce((select pg_catalog.json_agg(i.inhparent::int8) from pg_catalog.pg_inherits i
      where i.inhrelid = c.oid), '[]') as parents
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c', 'i', 'I')
    and n.nspname !~ '^pg_(toast|temp)'`;

/** One row for each name in each schema; overloads are taken together, the most dangerous one counts. */
const FUNCTIONS = `
  select n.nspname as schema, p.proname as name,
    pg_catalog.max(case p.provolatile when 'v' then 2 when 's' then 1 else 0 end) as volatility,
    pg_catalog.bool_and(p.oid < ${FIRST_USER_OID}) as builtin,
    pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(
      p.proargnames, p.proargmodes::text[], t.typtype,
      (select pg_catalog.jsonb_agg(a.attname order by a.attnum) from pg_catalog.pg_attribute a
        where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped))) as shapes
  from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    join pg_catalog.pg_type t on t.oid = p.prorettype
  group by n.nspname, p.proname`;

/** Operators outside pg_catalog. An immutable function that an extension owns is taken for harmless. */
const OPERATORS = `
  select n.nspname as schema, o.oprname as name,
    pg_catalog.bool_and(p.provolatile = 'i' and exists (
      select 1 from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid
        and d.deptype = 'e')) as harmless
  from pg_catalog.pg_operator o
    join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
    join pg_catalog.pg_proc p on p.oid = o.oprcode::pg_catalog.oid
  where o.oid >= ${FIRST_USER_OID}
  group by n.nspname, o.oprname`;

const TYPES = `
  select n.nspname || '.' || t.typname as name
  from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace`;

const TEMPORARY = `
  select distinct c.relname as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname like 'pg\\_temp\\_%'`;

const SCHEMAS = 'select nspname as name from pg_catalog.pg_namespace';

type ColumnRow = readonly [
  number: number,
  name: string,
  notNull: boolean,
  generated: string | null,
];

interface RelationRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  readonly definition: string | null;
  readonly columns: readonly ColumnRow[];
  readonly parents: readonly number[];
}

/** One overload: argument names and modes, the kind of its result type, and the columns of that type. */
type Shape = readonly [
  names: readonly string[] | null,
  modes: readonly string[] | null,
  resultKind: string,
  resultColumns: readonly string[] | null,
];

interface FunctionRow {
  readonly schema: string;
  readonly name: string;
  readonly volatility: number;
  readonly builtin: boolean;
  readonly shapes: readonly Shape[];
}

/** Runs the queries one after another: callers hold a transaction of one snapshot. */
export async function readCatalog(connection: Querier): Promise<SnapshotRows> {
  const relations = await connection.query<RelationRow>(RELATIONS);
  const functions = await connection.query<FunctionRow>(FUNCTIONS);
  const operators = await connection.query<OperatorEntry>(OPERATORS);
  const types = await connection.query<{ name: string }>(TYPES);
  const schemas = await connection.query<{ name: string }>(SCHEMAS);
  const temporary = await connection.query<{ name: string }>(TEMPORARY);
  return {
    relations: relations.rows.map(relationOf),
    functions: functions.rows.map(functionOf),
    operators: operators.rows,
    types: types.rows.map((row) => row.name),
    schemas: schemas.rows.map((row) => row.name),
    temporary: temporary.rows.map((row) => row.name),
  };
}

function relationOf(row: RelationRow): Relation {
  return {
    ...row,
    oid: Number(row.oid),
    columns: row.columns.map(([number, name, notNull, generated]) => ({
      number,
      name,
      notNull,
      generated,
    })),
  };
}

function functionOf(row: FunctionRow): FunctionEntry {
  const shapes = new Map(row.shapes.map((shape) => [JSON.stringify(columnsOf(shape)), shape]));
  const [only, ...others] = [...shapes.values()];
  return {
    schema: row.schema,
    name: row.name,
    volatility: (['i', 's', 'v'] as const)[row.volatility] ?? 'v',
    builtin: row.builtin,
    columns: only === undefined || others.length > 0 ? null : columnsOf(only),
  };
}

/** OUT, INOUT and TABLE arguments name the columns; else a composite result does; else there is one. */
function columnsOf([names, modes, resultKind, resultColumns]: Shape): readonly string[] | null {
  const outputs = (modes ?? []).flatMap((mode, index) =>
    ['o', 'b', 't'].includes(mode) ? [names?.[index] ?? ''] : [],
  );
  // A single OUT argument is a plain result under that name.
  if (outputs.length > 0) return outputs;
  if (resultKind === 'c') return resultColumns ?? null;
  // Pseudo-types: record is what the text says it is, anyelement may be a row.
  return resultKind === 'p' ? null : [];
}
