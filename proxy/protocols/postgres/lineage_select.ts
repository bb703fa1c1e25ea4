/** SELECT, VALUES and TABLE: what each output column is made of, and what decides about the rows. */
import { as, constantOf, type Node, type NodeOf, stringOf } from './ast.ts';
import { CLEAN, type Flow, UNSURE, union, unionOf } from './flow.ts';
import {
  condition,
  expression,
  keepConstants,
  keepWhereClean,
  windowFlow,
} from './lineage_expression.ts';
import { fromClause } from './lineage_from.ts';
import { outputName } from './lineage_names.ts';
import { useOperator } from './lineage_resolve.ts';
import {
  endsInStar,
  findColumn,
  fullName,
  newScope,
  type Scope,
  type ScopeColumn,
  starSource,
  wholeRow,
  withoutSources,
} from './lineage_scope.ts';
import { withClause } from './lineage_with.ts';
import { access, decides, touches, type Work } from './work.ts';

export interface SelectFlows {
  /** null where their number cannot be told from the text. */
  readonly columns: readonly ScopeColumn[] | null;
  /** Of all outputs together. */
  readonly whole: Flow;
  /** Of WHERE, JOIN, GROUP BY and the like: what the mere existence of a row tells. */
  readonly deciders: Flow;
}

/** The flows of a query that stands inside `parent`. */
export function selectFlows(
  work: Work,
  select: NodeOf<'SelectStmt'>,
  parent: Scope | null,
): SelectFlows {
  const scope = newScope(parent);
  withClause(work, select.withClause, scope);
  const isSetOperation = select.op !== undefined && select.op !== 'SETOP_NONE';
  const body = isSetOperation
    ? setOperation(work, select, scope)
    : select.valuesLists !== undefined
      ? valuesLists(work, select.valuesLists, scope)
      : plainSelect(work, select, scope);
  const order = sortKeys(work, select.sortClause, scope, body.columns);
  for (const limit of [select.limitCount, select.limitOffset]) {
    if (limit === undefined) continue;
    decides(work, expression(work, limit, scope));
    keepConstants(work, limit);
  }
  lockingClause(work, select, scope);
  touches(work, body.whole);
  return { ...body, deciders: union(body.deciders, order) };
}

function setOperation(work: Work, select: NodeOf<'SelectStmt'>, scope: Scope): SelectFlows {
  const inner = withoutSources(scope);
  const arms = [select.larg, select.rarg].map((arm) => selectFlows(work, arm ?? {}, inner));
  const [left, right] = arms;
  const whole = unionOf(arms.map((arm) => arm.whole));
  let deciders = unionOf(arms.map((arm) => arm.deciders));
  if (select.op !== 'SETOP_UNION' || select.all !== true) {
    decides(work, whole);
    deciders = union(deciders, whole);
  }
  const columns =
    left?.columns?.length === right?.columns?.length
      ? left?.columns?.map((column, index) => ({
          name: column.name,
          flow: union(column.flow, right?.columns?.[index]?.flow ?? UNSURE),
        }))
      : null;
  return { columns: columns ?? null, whole, deciders };
}

function valuesLists(work: Work, lists: readonly Node[], scope: Scope): SelectFlows {
  const rows = lists.map((list) =>
    (as('List', list)?.items ?? []).map((item) => expression(work, item, scope)),
  );
  const width = Math.max(0, ...rows.map((row) => row.length));
  const columns = Array.from({ length: width }, (_, index) => ({
    name: `column${index + 1}`,
    flow: unionOf(rows.map((row) => row[index] ?? CLEAN)),
  }));
  return { columns, whole: unionOf(columns.map((column) => column.flow)), deciders: CLEAN };
}

function plainSelect(work: Work, select: NodeOf<'SelectStmt'>, scope: Scope): SelectFlows {
  const from = fromClause(work, select.fromClause, scope);
  scope.windows = unionOf((select.windowClause ?? []).map((node) => windowOf(work, node, scope)));
  decides(work, scope.windows);
  let deciders = union(from.deciders, condition(work, select.whereClause, scope));
  const outputs = targetList(work, select.targetList, scope, from.star);
  deciders = union(deciders, sortKeys(work, select.groupClause, scope, outputs.columns));
  deciders = union(deciders, condition(work, select.havingClause, scope));
  if (select.distinctClause !== undefined) {
    // Plain DISTINCT is a list of one empty node.
    const keys = select.distinctClause.filter((key) => Object.keys(key).length > 0);
    const flow =
      keys.length === 0
        ? outputs.whole
        : unionOf(keys.map((key) => sortKey(work, key, scope, outputs.columns)));
    decides(work, flow);
    deciders = union(deciders, flow);
  }
  return { ...outputs, deciders };
}

function windowOf(work: Work, node: Node, scope: Scope): Flow {
  const window = as('WindowDef', node);
  return window === null ? UNSURE : windowFlow(work, window, scope);
}

/** The output columns of a SELECT list or of RETURNING, stars expanded. `star` is what a bare `*` means. */
export function targetList(
  work: Work,
  targets: readonly Node[] | undefined,
  scope: Scope,
  star: readonly ScopeColumn[] | null,
): { readonly columns: readonly ScopeColumn[] | null; readonly whole: Flow } {
  const columns: ScopeColumn[] = [];
  let whole = CLEAN;
  let counted = true;
  for (const node of targets ?? []) {
    const target = as('ResTarget', node);
    const value = target?.val;
    if (target === null || value === undefined) return { columns: null, whole: UNSURE };
    const expanded = expandStar(work, value, scope, star);
    if (expanded === undefined) {
      const flow = expression(work, value, scope);
      keepWhereClean(work, value, flow);
      columns.push({ name: target.name ?? outputName(value), flow });
      whole = union(whole, flow);
      continue;
    }
    whole = union(whole, expanded.flow);
    if (expanded.columns === null) counted = false;
    else columns.push(...expanded.columns);
  }
  return { columns: counted ? columns : null, whole };
}

/** What `*`, `t.*` or `(composite).*` expands to; undefined for anything else. */
function expandStar(
  work: Work,
  value: Node,
  scope: Scope,
  star: readonly ScopeColumn[] | null,
): { readonly columns: readonly ScopeColumn[] | null; readonly flow: Flow } | undefined {
  const indirection = as('A_Indirection', value);
  if (indirection !== null && as('A_Star', indirection.indirection?.at(-1)) !== null) {
    const inner = indirection.indirection?.length === 1 ? as('ColumnRef', indirection.arg) : null;
    const source =
      inner?.fields === undefined ? null : starSource(work, scope, [...inner.fields, {} as Node]);
    if (source !== null) return { columns: source.columns, flow: wholeRow(work, source) };
    return { columns: null, flow: expression(work, value, scope) };
  }
  const fields = as('ColumnRef', value)?.fields;
  if (fields === undefined || !endsInStar(fields)) return undefined;
  if (fields.length > 1) {
    const source = starSource(work, scope, fields);
    return { columns: source?.columns ?? null, flow: wholeRow(work, source) };
  }
  const flow = unionOf(
    scope.sources.filter((s) => !s.qualifiedOnly).map((source) => wholeRow(work, source)),
  );
  return {
    columns: star,
    flow: star === null ? flow : unionOf([flow, ...star.map((c) => c.flow)]),
  };
}

/** What GROUP BY or ORDER BY decide by. */
function sortKeys(
  work: Work,
  keys: readonly Node[] | undefined,
  scope: Scope,
  outputs: readonly ScopeColumn[] | null,
): Flow {
  const flow = unionOf((keys ?? []).map((key) => sortKey(work, key, scope, outputs)));
  decides(work, flow);
  return flow;
}

/** A key of ORDER BY, GROUP BY or DISTINCT ON: an ordinal, an output's name, or an expression. */
function sortKey(
  work: Work,
  key: Node,
  scope: Scope,
  outputs: readonly ScopeColumn[] | null,
): Flow {
  const grouping = as('GroupingSet', key);
  if (grouping !== null) {
    return unionOf((grouping.content ?? []).map((inner) => sortKey(work, inner, scope, outputs)));
  }
  const sort = as('SortBy', key);
  useOperator(work, sort?.useOp);
  const node = sort?.node ?? key;
  const row = as('RowExpr', node);
  if (row !== null) {
    return unionOf((row.args ?? []).map((inner) => sortKey(work, inner, scope, outputs)));
  }
  const constant = constantOf(node);
  if (constant?.kind === 'number') {
    keepConstants(work, node);
    return outputs?.[Number(constant.text) - 1]?.flow ?? (outputs === null ? UNSURE : CLEAN);
  }
  const fields = as('ColumnRef', node)?.fields;
  if (fields?.length === 1) {
    const named = (outputs ?? []).filter((column) => column.name === stringOf(fields[0]));
    if (named.length > 0) {
      // ORDER BY prefers the output, GROUP BY the input: both go in.
      const input = findColumn(work, scope, stringOf(fields[0])) ?? CLEAN;
      return union(input, unionOf(named.map((column) => column.flow)));
    }
  }
  const flow = expression(work, node, scope);
  keepWhereClean(work, node, flow);
  return flow;
}

/** FOR UPDATE and its kin lock rows of the tables named, or of all tables of this FROM. */
function lockingClause(work: Work, select: NodeOf<'SelectStmt'>, scope: Scope): void {
  for (const node of select.lockingClause ?? []) {
    const names = (as('LockingClause', node)?.lockedRels ?? []).flatMap(
      (relation) => as('RangeVar', relation)?.relname ?? [],
    );
    for (const { relation, alias } of scope.sources) {
      if (names.length > 0 && !names.includes(alias)) continue;
      // In a derived table it reaches through to relations that have no name here.
      if (relation === null) access(work, 'lock', 'target', work.target);
      else access(work, 'lock', 'relation', fullName(relation));
    }
  }
}
