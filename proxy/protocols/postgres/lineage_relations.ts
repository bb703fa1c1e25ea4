/** Columns of relations, closed over views, materialized views, partitions and inheritance. */
import { as } from './ast.ts';
import { FIRST_USER_OID, type Relation, type Snapshot } from './catalog_snapshot.ts';
import { type Flow, flowOf, UNSURE, union, unionOf } from './flow.ts';
import { LEAKING_COLUMNS, LEAKING_NAMES, LEAKING_RELATIONS } from './functions.ts';
import { fullName, type ScopeColumn } from './lineage_scope.ts';
import { selectFlows } from './lineage_select.ts';
import type { Parser } from './parser.ts';
import { EXPRESSIONS_MAX, newFindings, type Work } from './work.ts';

/** Views upon views that are followed; PostgreSQL itself has no limit, real schemas stay below ten. */
const VIEW_DEPTH_MAX = 32;

export interface Lineage {
  readonly columns: (relation: Relation) => readonly ScopeColumn[];
  readonly whole: (relation: Relation) => Flow;
}

/** Remembers what it found for as long as the snapshot lives. */
export function makeLineage(
  parser: Parser,
  snapshot: Snapshot,
  safeFunctions: ReadonlySet<string>,
): Lineage {
  const known = new Map<number, readonly ScopeColumn[]>();
  let depth = 0;

  /** The outputs of a query that the catalog printed: with every name qualified, bar those of pg_catalog. */
  const printedFlows = (sql: string): readonly Flow[] | null => {
    const parsed = parser.parse(sql);
    const select = parsed.kind === 'tree' ? as('SelectStmt', parsed.statements[0]) : null;
    if (select === null || depth >= VIEW_DEPTH_MAX) return null;
    const work: Work = {
      snapshot,
      lineage,
      target: '',
      database: '',
      schemas: ['pg_catalog'],
      masked: new Set(),
      safeFunctions,
      found: newFindings(),
      budget: { left: EXPRESSIONS_MAX },
    };
    depth += 1;
    try {
      return selectFlows(work, select, null).columns?.map((column) => column.flow) ?? null;
    } finally {
      depth -= 1;
    }
  };

  const flowsOf = (relation: Relation): readonly ScopeColumn[] => {
    const name = fullName(relation);
    if (LEAKING_RELATIONS.has(name) || LEAKING_NAMES.has(relation.name)) {
      return relation.columns.map((column) => ({ name: column.name, flow: UNSURE }));
    }
    const own = relation.columns.map((column) => `${name}.${column.name}`);
    if (relation.oid < FIRST_USER_OID) {
      return relation.columns.map((c, index) => ({
        name: c.name,
        flow: systemFlow(own[index] ?? ''),
      }));
    }
    const behind = relation.definition === null ? null : printedFlows(relation.definition);
    return relation.columns.map((column, index) => {
      let flow = flowOf(
        ...snapshot
          .family(relation)
          .filter((other) => other.columns.some((c) => c.name === column.name))
          .map((other) => `${fullName(other)}.${column.name}`),
      );
      if (relation.definition !== null) flow = union(flow, behind?.[index] ?? UNSURE);
      return { name: column.name, flow };
    });
  };

  /** A generated column is made of others of its row, none of which is generated. */
  const withGenerated = (relation: Relation, flows: readonly ScopeColumn[]) =>
    flows.map((column, index) => {
      const expression = relation.columns[index]?.generated ?? null;
      if (expression === null) return column;
      const table = `${quoted(relation.schema)}.${quoted(relation.name)}`;
      const [behind] = printedFlows(`select ${expression} from ${table}`) ?? [];
      return { name: column.name, flow: union(column.flow, behind ?? UNSURE) };
    });

  const lineage: Lineage = {
    columns: (relation) => {
      const remembered = known.get(relation.oid);
      if (remembered !== undefined) return remembered;
      // Met again while it is being worked out: whatever asks then is unsure.
      known.set(
        relation.oid,
        relation.columns.map((column) => ({ name: column.name, flow: UNSURE })),
      );
      const flows = flowsOf(relation);
      known.set(relation.oid, flows);
      const all = withGenerated(relation, flows);
      known.set(relation.oid, all);
      return all;
    },
    whole: (relation) =>
      union(
        flowOf(`${fullName(relation)}.*`),
        unionOf(lineage.columns(relation).map((column) => column.flow)),
      ),
  };
  return lineage;
}

function systemFlow(column: string): Flow {
  return LEAKING_COLUMNS.has(column) ? UNSURE : flowOf(column);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
