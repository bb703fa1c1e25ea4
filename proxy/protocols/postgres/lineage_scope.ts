/** What names mean at one place of a statement (PostgreSQL manual, 7.2 and 5.10): scopes and column references. */
import { as, type Node, stringOf } from './ast.ts';
import { type Relation, SYSTEM_COLUMNS } from './catalog_snapshot.ts';
import { CLEAN, type Flow, UNSURE, union, unionOf } from './flow.ts';
import { access, opaque, type Work } from './work.ts';

export interface ScopeColumn {
  readonly name: string;
  readonly flow: Flow;
}

/** One item of a FROM clause, as names see it. */
export interface Source {
  readonly alias: string;
  /** null where the columns are not known: then any name may be one of them. */
  readonly columns: readonly ScopeColumn[] | null;
  /** Of the whole row. */
  readonly whole: Flow;
  /** The relation read, for facts; null for subqueries, functions and CTEs. */
  readonly relation: Relation | null;
  /** True where columns are reached through the alias alone: `excluded`, `old`, `new`. */
  readonly qualifiedOnly: boolean;
}

export interface Scope {
  readonly parent: Scope | null;
  readonly sources: Source[];
  readonly ctes: Map<string, Source>;
  /** Of every named window of this query. */
  windows: Flow;
}

export function newScope(parent: Scope | null): Scope {
  return { parent, sources: [], ctes: new Map(), windows: CLEAN };
}

/** The same WITH names, without the FROM items: what a subquery that is not LATERAL may see. */
export function withoutSources(scope: Scope): Scope {
  return { parent: scope.parent, sources: [], ctes: scope.ctes, windows: CLEAN };
}

export function derivedSource(alias: string, columns: readonly ScopeColumn[] | null, whole: Flow) {
  return { alias, columns, whole, relation: null, qualifiedOnly: false } satisfies Source;
}

/** Renames columns from the left, as `AS t (a, b)` does; those left over keep their names. */
export function renamed(
  columns: readonly ScopeColumn[] | null,
  names: readonly string[],
): readonly ScopeColumn[] | null {
  if (columns === null || names.length === 0) return columns;
  return columns.map((column, index) => ({ ...column, name: names[index] ?? column.name }));
}

export function cteNamed(scope: Scope | null, name: string): Source | null {
  for (let at = scope; at !== null; at = at.parent) {
    const found = at.ctes.get(name);
    if (found !== undefined) return found;
  }
  return null;
}

/** What a ColumnRef that does not end in `*` is made of, with the reading of it noted. */
export function columnFlow(work: Work, scope: Scope, fields: readonly Node[]): Flow {
  const parts = fields.map(stringOf);
  const [name = ''] = parts;
  if (parts.length === 1) {
    return findColumn(work, scope, name) ?? wholeRow(work, sourceOf(work, scope, [name]));
  }
  const source = sourceOf(work, scope, parts.slice(0, -1));
  return source === null ? UNSURE : memberFlow(work, source, parts.at(-1) ?? '');
}

/** The FROM item that a ColumnRef ending in `*` expands; null where there is none of that name. */
export function starSource(work: Work, scope: Scope, fields: readonly Node[]): Source | null {
  return sourceOf(work, scope, fields.slice(0, -1).map(stringOf));
}

export function endsInStar(fields: readonly Node[]): boolean {
  return as('A_Star', fields.at(-1)) !== null;
}

/** Reading the whole row of a source: UNSURE where there is no such source. */
export function wholeRow(work: Work, source: Source | null): Flow {
  if (source === null) return UNSURE;
  if (source.relation !== null) access(work, 'read', 'relation', fullName(source.relation));
  return source.whole;
}

export function fullName(relation: Relation): string {
  return `${relation.schema}.${relation.name}`;
}

/**
 * The nearest query that has the column wins. Where several of its items have it, the server either
 * merged them (USING, NATURAL) or refuses the statement as ambiguous: all of them go in.
 */
export function findColumn(work: Work, scope: Scope, name: string): Flow | null {
  let open: Flow | null = null;
  for (let at: Scope | null = scope; at !== null; at = at.parent) {
    const flows: Flow[] = [];
    for (const source of at.sources) {
      if (source.qualifiedOnly) continue;
      const flow = ownColumn(work, source, name);
      if (flow !== null) flows.push(flow);
      else if (source.columns === null) open = union(open ?? CLEAN, source.whole);
    }
    if (flows.length > 0) return union(open ?? CLEAN, unionOf(flows));
  }
  return open;
}

function ownColumn(work: Work, source: Source, name: string): Flow | null {
  const matches = source.columns?.filter((column) => column.name === name) ?? [];
  if (matches.length > 0) {
    if (source.relation !== null) {
      access(work, 'read', 'relation', fullName(source.relation), { columns: [name] });
    }
    return unionOf(matches.map((column) => column.flow));
  }
  return source.relation !== null && SYSTEM_COLUMNS.has(name) ? CLEAN : null;
}

/** `source.name`: a column, or by the functional notation `name(source)`, a function of the whole row. */
export function memberFlow(work: Work, source: Source, name: string): Flow {
  const column = ownColumn(work, source, name);
  if (column !== null) return column;
  if (source.columns === null) return source.whole;
  for (const entry of work.snapshot.functionsNamed(name)) {
    if (entry.schema === 'pg_catalog') continue;
    access(work, 'call', 'function', `${entry.schema}.${entry.name}`);
    opaque(work, `It may call the function ${entry.schema}.${entry.name} on a whole row`);
  }
  return union(UNSURE, wholeRow(work, source));
}

function sourceOf(work: Work, scope: Scope, qualifier: readonly string[]): Source | null {
  const name = qualifier.at(-1) ?? '';
  const schema = qualifier.length > 1 ? qualifier.at(-2) : undefined;
  if (qualifier.length === 3 && qualifier[0] !== work.database) return null;
  for (let at: Scope | null = scope; at !== null; at = at.parent) {
    for (const source of at.sources) {
      if (source.alias === name && schema === undefined) return source;
      if (schema === undefined || source.relation === null) continue;
      if (source.relation.name === name && source.relation.schema === schema) return source;
    }
  }
  return null;
}
