/** WITH: common table expressions, recursive and data-modifying ones too (PostgreSQL manual, 7.8). */
import { as, type Node, type NodeOf, nameOf, nodesWithin, partsOf } from './ast.ts';
import { changeFlows } from './classify_change.ts';
import { sameFlow, UNSURE, union, unionOf } from './flow.ts';
import {
  derivedSource,
  renamed,
  type Scope,
  type ScopeColumn,
  type Source,
} from './lineage_scope.ts';
import { type SelectFlows, selectFlows } from './lineage_select.ts';
import { opaque, type Work } from './work.ts';

/** Rounds until a recursive query's flows must stand still: flows only grow, one round is the norm. */
const RECURSION_ROUNDS_MAX = 16;

type Cte = NodeOf<'CommonTableExpr'>;

/** Adds the names of a WITH clause to `scope`. */
export function withClause(
  work: Work,
  clause: NodeOf<'WithClause'> | undefined,
  scope: Scope,
): void {
  const ctes = (clause?.ctes ?? []).flatMap((node) => as('CommonTableExpr', node) ?? []);
  if (clause?.recursive !== true) {
    for (const cte of ctes) scope.ctes.set(cte.ctename ?? '', cteSource(work, cte, scope));
    return;
  }
  // All names are visible to all, so each is taken after those that it reads.
  for (const cte of byDependency(work, ctes)) {
    const source = readsItself(cte)
      ? recursiveSource(work, cte, scope)
      : cteSource(work, cte, scope);
    scope.ctes.set(cte.ctename ?? '', source);
  }
}

function cteSource(work: Work, cte: Cte, scope: Scope): Source {
  return sourceFrom(cte, queryFlows(work, cte.ctequery, scope).columns);
}

/** The flows of any statement that returns rows inside another. */
export function queryFlows(work: Work, query: Node | undefined, scope: Scope): SelectFlows {
  const select = as('SelectStmt', query);
  if (select !== null) return selectFlows(work, select, scope);
  if (query !== undefined) {
    const change = changeFlows(work, query, scope);
    if (change !== null) return change;
    opaque(work, `A ${nameOf(query)} cannot be read here`);
  }
  return { columns: null, whole: UNSURE, deciders: UNSURE };
}

function sourceFrom(cte: Cte, columns: readonly ScopeColumn[] | null): Source {
  const named = renamed(columns, partsOf(cte.aliascolnames));
  const whole = named === null ? UNSURE : unionOf(named.map((column) => column.flow));
  // SEARCH and CYCLE add columns that are made of the others.
  const added = [
    cte.search_clause?.search_seq_column,
    cte.cycle_clause?.cycle_mark_column,
    cte.cycle_clause?.cycle_path_column,
  ].flatMap((name) => (name === undefined ? [] : [{ name, flow: whole }]));
  return derivedSource(cte.ctename ?? '', named === null ? null : [...named, ...added], whole);
}

/** From the part that does not recurse to the whole, until nothing more flows in. */
function recursiveSource(work: Work, cte: Cte, scope: Scope): Source {
  const name = cte.ctename ?? '';
  const select = as('SelectStmt', cte.ctequery);
  if (select?.larg === undefined) {
    scope.ctes.set(name, derivedSource(name, null, UNSURE));
    return cteSource(work, cte, scope);
  }
  let source = sourceFrom(cte, selectFlows(work, select.larg, scope).columns);
  for (let round = 0; round < RECURSION_ROUNDS_MAX; round += 1) {
    scope.ctes.set(name, source);
    const next = merged(source, cteSource(work, cte, scope));
    if (next === null) break;
    if (stable(source, next)) return next;
    source = next;
  }
  return derivedSource(name, null, UNSURE);
}

function merged(before: Source, after: Source): Source | null {
  if (before.columns === null || after.columns === null) return null;
  if (before.columns.length !== after.columns.length) return null;
  const columns = after.columns.map((column, index) => ({
    name: column.name,
    flow: union(column.flow, before.columns?.[index]?.flow ?? UNSURE),
  }));
  return { ...after, columns, whole: union(before.whole, after.whole) };
}

function stable(before: Source, after: Source): boolean {
  return (after.columns ?? []).every((column, index) =>
    sameFlow(column.flow, before.columns?.[index]?.flow ?? UNSURE),
  );
}

function readsItself(cte: Cte): boolean {
  return namesRead(cte).has(cte.ctename ?? '');
}

function namesRead(cte: Cte): ReadonlySet<string> {
  const names = new Set<string>();
  if (cte.ctequery === undefined) return names;
  for (const node of nodesWithin(cte.ctequery)) {
    const range = as('RangeVar', node);
    if (range?.relname !== undefined && range.schemaname === undefined) names.add(range.relname);
  }
  return names;
}

/** Those read come before those that read them. The server refuses queries that recurse into each other. */
function byDependency(work: Work, ctes: readonly Cte[]): readonly Cte[] {
  const done: Cte[] = [];
  const waiting = [...ctes];
  while (waiting.length > 0) {
    const next = waiting.findIndex((cte) => {
      const names = namesRead(cte);
      return waiting.every((other) => other === cte || !names.has(other.ctename ?? ''));
    });
    if (next === -1) {
      opaque(work, 'Queries of a WITH clause read each other');
      return [...done, ...waiting];
    }
    done.push(...waiting.splice(next, 1));
  }
  return done;
}
