/**
 * From a RowDescription to what happens to each column: masked whole, scanned, or left alone.
 * Where the origin of a value cannot be told, any masked column may be in it.
 */
import type { Obligations } from '../../../core/decision.ts';
import type { DetectorName, MaskStyle } from '../../../core/target.ts';
import type { ColumnDescription } from './codec_backend.ts';
import type { Catalog, OutputSource, Outputs } from './statement.ts';

/** What a value's bytes are, for reading and for replacing them. */
export type Shape =
  /** Text in both formats: any text is a valid value. */
  | 'text'
  /** JSON text; `jsonb` in binary has a version byte before it. */
  | 'json'
  | 'jsonb-binary'
  /** May hold text inside, but only NULL is sure to be a valid value. */
  | 'holder'
  /** Numbers, times and the like: only NULL is valid, and there is nothing to scan. */
  | 'plain';

export interface ColumnPlan {
  readonly shape: Shape;
  readonly mask: { readonly label: string; readonly style: MaskStyle } | null;
  readonly scan: boolean;
}

export interface RowPlan {
  readonly columns: readonly ColumnPlan[];
  /** Nothing has to be done: rows pass as they are. */
  readonly verbatim: boolean;
  readonly detectors: readonly DetectorName[];
}

/** OIDs of pg_type.dat. */
const TEXT_TYPES: ReadonlySet<number> = new Set([25, 1043, 1042, 19, 705]);
const JSON_TYPES: ReadonlySet<number> = new Set([114]);
const JSONB = 3802;
/**
 * bool, int8, int2, int4, oid, float4, float8, date, time, timestamp, timestamptz, interval, timetz,
 * numeric, uuid, money, bit, varbit, "char", xid, tid, cid, pg_lsn, void, regclass and its like.
 */
const PLAIN_TYPES: ReadonlySet<number> = new Set([
  16, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 1700, 2950, 790, 1560, 1562, 18,
  28, 27, 29, 3220, 2278, 2205, 2206, 24, 2202, 4089, 4096,
]);

export interface PlanInput {
  readonly columns: readonly ColumnDescription[];
  readonly catalog: Catalog;
  /** The statement's lineage, for columns that are not simply a table's. */
  readonly outputs: Outputs;
  readonly obligations: Obligations;
  /** EXPLAIN of a statement that touches a masked column: constants and samples are in its lines. */
  readonly maskAll: boolean;
}

const UNSURE: OutputSource = { columns: [], unsure: true };

export function planRows(input: PlanInput): RowPlan {
  const { obligations } = input;
  const masked = new Map(obligations.mask.map((entry) => [entry.column, entry.style]));
  const columns = input.columns.map((column, index) => {
    const shape = shapeOf(column);
    const source = sourceOf(input, column, index);
    const mask =
      input.maskAll && masked.size > 0
        ? { label: 'expression', style: 'full' as const }
        : maskFor(source, column.table !== 0, masked);
    const shown =
      !source.unsure &&
      source.columns.length > 0 &&
      source.columns.every((name) => obligations.unmask.includes(name));
    const scan = mask === null && shape !== 'plain' && !shown && obligations.detectors.length > 0;
    return { shape, mask, scan };
  });
  const verbatim = columns.every((column) => column.mask === null && !column.scan);
  return { columns, verbatim, detectors: obligations.detectors };
}

function sourceOf(input: PlanInput, column: ColumnDescription, index: number): OutputSource {
  if (column.table !== 0) return input.catalog.sources(column.table, column.attribute);
  // A rule or a star may give other columns than the text promises: then nothing is known of them.
  if (input.outputs === null || input.outputs.length !== input.columns.length) return UNSURE;
  return input.outputs[index] ?? UNSURE;
}

function maskFor(
  source: OutputSource,
  direct: boolean,
  masked: ReadonlyMap<string, MaskStyle>,
): ColumnPlan['mask'] {
  if (masked.size === 0) return null;
  const only = source.columns.length === 1 ? source.columns[0] : undefined;
  if (direct && !source.unsure && only !== undefined) {
    const style = masked.get(only);
    if (style !== undefined) return { label: `column:${only}`, style };
  }
  const tainted = source.columns.find((name) => touches(name, masked));
  if (tainted !== undefined) return { label: `column:${tainted}`, style: 'full' };
  return source.unsure ? { label: 'expression', style: 'full' } : null;
}

/** `schema.relation.*` stands for a whole row: it touches what any of its columns does. */
function touches(name: string, masked: ReadonlyMap<string, MaskStyle>): boolean {
  if (masked.has(name)) return true;
  if (!name.endsWith('.*')) return false;
  const relation = name.slice(0, -1);
  return [...masked.keys()].some((column) => column.startsWith(relation));
}

function shapeOf(column: ColumnDescription): Shape {
  if (TEXT_TYPES.has(column.type)) return 'text';
  if (JSON_TYPES.has(column.type)) return 'json';
  if (column.type === JSONB) return column.format === 1 ? 'jsonb-binary' : 'json';
  return PLAIN_TYPES.has(column.type) ? 'plain' : 'holder';
}
