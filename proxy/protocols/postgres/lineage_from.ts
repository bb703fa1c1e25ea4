/** The FROM clause: what each item brings into scope, and what `*` expands to (PostgreSQL manual, 7.2.1). */
import { as, childrenOf, type Node, type NodeOf, nameOf, partsOf, stringOf } from './ast.ts';
import { CLEAN, type Flow, UNSURE, union, unionOf } from './flow.ts';
import { condition, expression } from './lineage_expression.ts';
import { functionEntry, relationNamed, useImplied, useType } from './lineage_resolve.ts';
import {
  cteNamed,
  derivedSource,
  fullName,
  renamed,
  type Scope,
  type ScopeColumn,
  type Source,
  withoutSources,
} from './lineage_scope.ts';
import { selectFlows } from './lineage_select.ts';
import { access, decides, opaque, type Work } from './work.ts';

interface Item {
  /** What `*` expands to; null where that is not known. */
  readonly star: readonly ScopeColumn[] | null;
  readonly deciders: Flow;
}

/** Puts the items of a FROM clause into `scope`, from left to right. */
export function fromClause(work: Work, items: readonly Node[] | undefined, scope: Scope): Item {
  let star: readonly ScopeColumn[] | null = [];
  let deciders = CLEAN;
  for (const node of items ?? []) {
    const item = fromItem(work, node, scope);
    star = star === null || item.star === null ? null : [...star, ...item.star];
    deciders = union(deciders, item.deciders);
  }
  return { star, deciders };
}

function fromItem(work: Work, node: Node, scope: Scope): Item {
  const range = as('RangeVar', node);
  if (range !== null) return added(scope, rangeSource(work, range, scope));
  const join = as('JoinExpr', node);
  if (join !== null) return joinItem(work, join, scope);
  const subselect = as('RangeSubselect', node);
  if (subselect !== null) return subselectItem(work, subselect, scope);
  const call = as('RangeFunction', node);
  if (call !== null) return added(scope, functionSource(work, call, scope));
  const sample = as('RangeTableSample', node);
  if (sample?.relation !== undefined) {
    const item = fromItem(work, sample.relation, scope);
    for (const argument of sample.args ?? []) decides(work, expression(work, argument, scope));
    if (sample.repeatable) decides(work, expression(work, sample.repeatable, scope));
    return item;
  }
  const table = as('RangeTableFunc', node) ?? as('JsonTable', node);
  if (table !== null) return added(scope, tableFunctionSource(work, table, scope));
  opaque(work, `A ${nameOf(node)} in FROM cannot be read`);
  return added(scope, derivedSource('', null, UNSURE));
}

function added(scope: Scope, source: Source, deciders = CLEAN): Item {
  scope.sources.push(source);
  return { star: source.columns, deciders };
}

/** A relation by name: a CTE, a table, a view. Reading it is noted, column by column, as names are used. */
function rangeSource(work: Work, range: NodeOf<'RangeVar'>, scope: Scope): Source {
  const alias = range.alias?.aliasname ?? range.relname ?? '';
  const names = partsOf(range.alias?.colnames);
  if (range.schemaname === undefined) {
    const cte = cteNamed(scope, range.relname ?? '');
    if (cte !== null) return { ...cte, alias, columns: renamed(cte.columns, names) };
  }
  const relation = relationNamed(work, range);
  if (relation === null) return derivedSource(alias, null, UNSURE);
  access(work, 'read', 'relation', fullName(relation), { columns: [] });
  const shadowed = range.schemaname === undefined && work.snapshot.isShadowed(relation.name);
  const doubt = shadowed ? UNSURE : CLEAN;
  const columns = work.lineage
    .columns(relation)
    .map((column) => (shadowed ? { ...column, flow: union(column.flow, doubt) } : column));
  // Facts name the relation's own columns, so reads under an alias list count as reads of all.
  if (names.length > 0) access(work, 'read', 'relation', fullName(relation));
  return {
    alias,
    columns: renamed(columns, names),
    whole: union(work.lineage.whole(relation), doubt),
    relation,
    qualifiedOnly: false,
  };
}

function subselectItem(work: Work, item: NodeOf<'RangeSubselect'>, scope: Scope): Item {
  const inner = as('SelectStmt', item.subquery);
  if (inner === null) return added(scope, derivedSource('', null, UNSURE));
  const parent = item.lateral === true ? scope : withoutSources(scope);
  const { columns, whole, deciders } = selectFlows(work, inner, parent);
  const names = partsOf(item.alias?.colnames);
  return added(
    scope,
    derivedSource(item.alias?.aliasname ?? '', renamed(columns, names), whole),
    deciders,
  );
}

function joinItem(work: Work, join: NodeOf<'JoinExpr'>, scope: Scope): Item {
  const first = scope.sources.length;
  const sides = [join.larg, join.rarg].map((side) =>
    side === undefined ? { star: null, deciders: UNSURE } : fromItem(work, side, scope),
  );
  const [left, right] = sides.map((side) => side.star);
  const using = join.isNatural
    ? (left ?? []).map((c) => c.name).filter((n) => right?.some((c) => c.name === n))
    : partsOf(join.usingClause);
  const merged = using.map((name) => ({
    name,
    flow: unionOf([left, right].map((side) => namedIn(side ?? null, name))),
  }));
  const keys = unionOf(merged.map((column) => column.flow));
  if (using.length > 0) useImplied(work, '=');
  decides(work, keys);
  const deciders = unionOf([
    ...sides.map((side) => side.deciders),
    keys,
    condition(work, join.quals, scope),
  ]);
  const rest = (side: readonly ScopeColumn[] | null | undefined) =>
    side?.filter((column) => !using.includes(column.name));
  const star = left && right ? [...merged, ...(rest(left) ?? []), ...(rest(right) ?? [])] : null;
  for (const source of scope.sources.slice(first)) noteKeys(work, source, using);
  if (join.join_using_alias?.aliasname !== undefined) {
    const source = derivedSource(join.join_using_alias.aliasname, merged, keys);
    scope.sources.push({ ...source, qualifiedOnly: true });
  }
  if (join.alias?.aliasname === undefined) return { star, deciders };
  // An alias hides the names inside the join. Whole-row reads of it read every relation inside.
  const hidden = scope.sources.splice(first);
  for (const { relation } of hidden) {
    if (relation !== null) access(work, 'read', 'relation', fullName(relation));
  }
  const whole = unionOf(hidden.map((source) => source.whole));
  const columns = renamed(star, partsOf(join.alias.colnames));
  scope.sources.push(derivedSource(join.alias.aliasname, columns, whole));
  return { star: columns, deciders };
}

function namedIn(columns: readonly ScopeColumn[] | null, name: string): Flow {
  const found = columns?.find((column) => column.name === name);
  return found?.flow ?? UNSURE;
}

function noteKeys(work: Work, source: Source, names: readonly string[]): void {
  const { relation } = source;
  if (relation === null) return;
  const keys = names.filter((name) => relation.columns.some((column) => column.name === name));
  if (keys.length > 0) access(work, 'read', 'relation', fullName(relation), { columns: keys });
}

/** `f(…)`, `ROWS FROM (f(…), g(…))`, WITH ORDINALITY; functions in FROM may always look to their left. */
function functionSource(work: Work, item: NodeOf<'RangeFunction'>, scope: Scope): Source {
  const alias = item.alias?.aliasname ?? '';
  const columns: ScopeColumn[] = [];
  let whole = CLEAN;
  let counted = true;
  let fallback = alias;
  for (const node of item.functions ?? []) {
    const [call, definitions] = as('List', node)?.items ?? [];
    if (call === undefined || nameOf(call) === '') continue;
    const flow = expression(work, call, scope);
    whole = union(whole, flow);
    const own = functionColumns(
      work,
      call,
      as('List', definitions)?.items ?? item.coldeflist,
      alias,
    );
    fallback ||= own?.[0] ?? '';
    if (own === null) counted = false;
    else columns.push(...own.map((name) => ({ name, flow })));
  }
  if (item.ordinality === true) columns.push({ name: 'ordinality', flow: whole });
  const named = renamed(columns, partsOf(item.alias?.colnames));
  return derivedSource(alias || fallback, counted ? named : null, whole);
}

/** `definitions` are those of `AS t (a int, b text)`, which a function that returns `record` needs. */
function functionColumns(
  work: Work,
  call: Node,
  definitions: readonly Node[] | undefined,
  alias: string,
): readonly string[] | null {
  if (definitions !== undefined) {
    for (const node of definitions) useType(work, as('ColumnDef', node)?.typeName);
    return definitions.map((node) => as('ColumnDef', node)?.colname ?? '');
  }
  const names = as('FuncCall', call)?.funcname;
  if (names === undefined) return null;
  const entry = functionEntry(work, names);
  if (entry?.columns === null || entry === null) return null;
  return entry.columns.length > 0 ? entry.columns : [alias || stringOf(names.at(-1))];
}

/** XMLTABLE and JSON_TABLE: every column may hold any part of the document. */
function tableFunctionSource(
  work: Work,
  table: NodeOf<'RangeTableFunc'> | NodeOf<'JsonTable'>,
  scope: Scope,
): Source {
  const { alias, columns: definitions = [], ...rest } = table;
  const names: string[] = [];
  let whole = unionOf([...childrenOf(rest)].map((child) => expression(work, child, scope)));
  const collect = (nodes: readonly Node[]) => {
    for (const node of nodes) {
      const column = as('RangeTableFuncCol', node) ?? as('JsonTableColumn', node);
      if (column === null) continue;
      useType(work, column.typeName);
      const nested = 'columns' in column ? (column.columns ?? []) : [];
      const name =
        'colname' in column ? column.colname : 'name' in column ? column.name : undefined;
      if (nested.length === 0) names.push(name ?? '');
      for (const inner of childrenOf({ ...column, columns: undefined, typeName: undefined })) {
        whole = union(whole, expression(work, inner, scope));
      }
      collect(nested);
    }
  };
  collect(definitions);
  const columns = names.map((name) => ({ name, flow: whole }));
  return derivedSource(alias?.aliasname ?? '', renamed(columns, partsOf(alias?.colnames)), whole);
}
