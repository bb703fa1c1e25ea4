/** INSERT, UPDATE, DELETE and MERGE: what they write, which rows, and what RETURNING shows of it. */
import { as, constantOf, type Node, type NodeOf, nodesWithin, withoutCasts } from './ast.ts';
import { isBounding } from './bounded.ts';
import type { Relation } from './catalog_snapshot.ts';
import { CLEAN, type Flow, UNSURE, union } from './flow.ts';
import { condition, expression, keepConstants, keepWhereClean } from './lineage_expression.ts';
import { fromClause } from './lineage_from.ts';
import { relationNamed } from './lineage_resolve.ts';
import { fullName, newScope, type Scope, type Source } from './lineage_scope.ts';
import { type SelectFlows, selectFlows, targetList } from './lineage_select.ts';
import { withClause } from './lineage_with.ts';
import { access, decides, isTainted, touches, type Work } from './work.ts';

/** The flows of what a changing statement returns; null where the node is no such statement. */
export function changeFlows(work: Work, node: Node, parent: Scope | null): SelectFlows | null {
  const insert = as('InsertStmt', node);
  if (insert !== null) return insertFlows(work, insert, parent);
  const update = as('UpdateStmt', node);
  if (update !== null) return updateFlows(work, update, parent);
  const remove = as('DeleteStmt', node);
  if (remove !== null) return deleteFlows(work, remove, parent);
  const merge = as('MergeStmt', node);
  return merge === null ? null : mergeFlows(work, merge, parent);
}

function insertFlows(work: Work, insert: NodeOf<'InsertStmt'>, parent: Scope | null): SelectFlows {
  const scope = newScope(parent);
  withClause(work, insert.withClause, scope);
  const target = openTarget(work, insert.relation, scope, true);
  const names = columnNames(insert.cols);
  const written = names ?? target.relation?.columns.map((column) => column.name) ?? [];
  noteWrite(work, 'insert', target, names);
  const select = as('SelectStmt', insert.selectStmt);
  if (select !== null) {
    const rows = selectFlows(work, select, scope);
    stores(work, rows.whole);
    if (select.valuesLists === undefined) noteStored(work, target, written, insert.selectStmt);
    for (const list of select.valuesLists ?? []) {
      const items = as('List', list)?.items ?? [];
      for (const [index, item] of items.entries()) {
        noteAssignment(work, target, written[index], item, scope);
      }
    }
  }
  const conflict = insert.onConflictClause;
  if (conflict !== undefined) {
    const inner = changeScope(scope, target);
    inner.sources.push({ ...target.source, alias: 'excluded', qualifiedOnly: true });
    for (const element of conflict.infer?.indexElems ?? []) {
      const key = as('IndexElem', element);
      if (key?.expr !== undefined) decides(work, expression(work, key.expr, inner));
    }
    condition(work, conflict.infer?.whereClause, inner);
    if (conflict.action === 'ONCONFLICT_UPDATE') {
      // It changes the rows that the new ones collide with, and no others.
      noteWrite(work, 'update', target, columnNames(conflict.targetList), true);
      assignments(work, target, conflict.targetList, inner);
      condition(work, conflict.whereClause, inner);
    }
  }
  return returning(work, insert.returningClause, changeScope(scope, target), target);
}

function updateFlows(work: Work, update: NodeOf<'UpdateStmt'>, parent: Scope | null): SelectFlows {
  const scope = newScope(parent);
  withClause(work, update.withClause, scope);
  const target = openTarget(work, update.relation, scope);
  const from = fromClause(work, update.fromClause, scope);
  const bounded = isBounding(work, update.whereClause, scope, target.relation);
  noteWrite(work, 'update', target, columnNames(update.targetList), bounded);
  assignments(work, target, update.targetList, scope);
  const deciders = union(from.deciders, condition(work, update.whereClause, scope));
  const returned = returning(work, update.returningClause, scope, target);
  return { ...returned, deciders };
}

function deleteFlows(work: Work, remove: NodeOf<'DeleteStmt'>, parent: Scope | null): SelectFlows {
  const scope = newScope(parent);
  withClause(work, remove.withClause, scope);
  const target = openTarget(work, remove.relation, scope);
  const using = fromClause(work, remove.usingClause, scope);
  const bounded = isBounding(work, remove.whereClause, scope, target.relation);
  noteWrite(work, 'delete', target, null, bounded);
  const deciders = union(using.deciders, condition(work, remove.whereClause, scope));
  return { ...returning(work, remove.returningClause, scope, target), deciders };
}

function mergeFlows(work: Work, merge: NodeOf<'MergeStmt'>, parent: Scope | null): SelectFlows {
  const scope = newScope(parent);
  withClause(work, merge.withClause, scope);
  const target = openTarget(work, merge.relation, scope);
  const source = fromClause(
    work,
    merge.sourceRelation === undefined ? [] : [merge.sourceRelation],
    scope,
  );
  const joined = isBounding(work, merge.joinCondition, scope, target.relation);
  let deciders = union(source.deciders, condition(work, merge.joinCondition, scope));
  for (const node of merge.mergeWhenClauses ?? []) {
    const when = as('MergeWhenClause', node);
    if (when === null) continue;
    deciders = union(deciders, condition(work, when.condition, scope));
    const own = isBounding(work, when.condition, scope, target.relation);
    // Rows that no source row matches are all the others: only its own condition can bound those.
    const bounded = own || (joined && when.matchKind !== 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE');
    if (when.commandType === 'CMD_DELETE') noteWrite(work, 'delete', target, null, bounded);
    if (when.commandType === 'CMD_UPDATE') {
      noteWrite(work, 'update', target, columnNames(when.targetList), bounded);
      assignments(work, target, when.targetList, scope);
    }
    if (when.commandType === 'CMD_INSERT') {
      const names = columnNames(when.targetList);
      noteWrite(work, 'insert', target, names);
      const written = names ?? target.relation?.columns.map((column) => column.name) ?? [];
      for (const [index, value] of (when.values ?? []).entries()) {
        stores(work, expression(work, value, scope));
        noteAssignment(work, target, written[index], value, scope);
      }
    }
  }
  return { ...returning(work, merge.returningClause, scope, target), deciders };
}

/** The relation that is changed, and what its names mean. */
interface ChangeTarget {
  readonly relation: Relation | null;
  readonly source: Source;
}

function openTarget(
  work: Work,
  range: NodeOf<'RangeVar'> | undefined,
  scope: Scope,
  hidden = false,
): ChangeTarget {
  const relation = range === undefined ? null : relationNamed(work, range);
  const source: Source = {
    alias: range?.alias?.aliasname ?? range?.relname ?? '',
    columns: relation === null ? null : work.lineage.columns(relation),
    whole: relation === null ? UNSURE : work.lineage.whole(relation),
    relation,
    qualifiedOnly: false,
  };
  // The query of an INSERT does not see the relation that it goes into.
  if (!hidden) scope.sources.push(source);
  // A constraint's error prints the whole row that failed it.
  touches(work, source.whole);
  return { relation, source };
}

function changeScope(parent: Scope, target: ChangeTarget): Scope {
  const scope = newScope(parent);
  scope.sources.push(target.source);
  return scope;
}

function noteWrite(
  work: Work,
  verb: 'insert' | 'update' | 'delete',
  target: ChangeTarget,
  columns: readonly string[] | null,
  bounded = true,
): void {
  if (target.relation === null) return;
  access(work, verb, 'relation', fullName(target.relation), { columns, bounded });
}

/** The columns assigned to; null where the statement names none, and so means all. */
function columnNames(targets: readonly Node[] | undefined): readonly string[] | null {
  const names = (targets ?? []).flatMap((node) => as('ResTarget', node)?.name ?? []);
  return names.length === 0 ? null : names;
}

function assignments(
  work: Work,
  target: ChangeTarget,
  targets: readonly Node[] | undefined,
  scope: Scope,
): void {
  for (const node of targets ?? []) {
    const assigned = as('ResTarget', node);
    if (assigned?.val === undefined) continue;
    for (const index of assigned.indirection ?? []) expression(work, index, scope);
    const many = as('MultiAssignRef', assigned.val);
    const row = as('RowExpr', many?.source)?.args?.[(many?.colno ?? 1) - 1];
    stores(work, expression(work, assigned.val, scope));
    noteAssignment(work, target, assigned.name, row ?? assigned.val, scope);
  }
}

/** A masked value that goes into a table decides what can be read there later. */
function stores(work: Work, flow: Flow): void {
  decides(work, flow);
}

/** Ties the literals of an assigned expression to its column. */
function noteAssignment(
  work: Work,
  target: ChangeTarget,
  name: string | undefined,
  value: Node,
  scope: Scope,
): void {
  const column = maskedColumn(work, target, name);
  if (column !== null) {
    noteValues(work, column, value);
    return;
  }
  if (target.relation !== null && constantOf(value) !== null) {
    keepConstants(work, value);
    return;
  }
  const flow = expression(work, value, scope);
  if (target.relation !== null && !isTainted(work, flow)) keepConstants(work, value);
  else keepWhereClean(work, value, flow);
}

/** An INSERT … SELECT: which literal goes into which column is not followed, so each goes into all. */
function noteStored(
  work: Work,
  target: ChangeTarget,
  names: readonly string[],
  query: Node | undefined,
): void {
  if (query === undefined) return;
  for (const name of names) {
    const column = maskedColumn(work, target, name);
    if (column !== null) noteValues(work, column, query);
  }
}

function noteValues(work: Work, column: string, value: Node): void {
  for (const node of nodesWithin(withoutCasts(value))) {
    const constant = constantOf(node);
    if (constant?.kind === 'string' || constant?.kind === 'number') {
      work.found.writes.push({ column, literal: constant.text });
    }
    const parameter = as('ParamRef', node);
    if (parameter !== null) {
      work.found.writes.push({ column, parameter: parameter.number ?? 0 });
    }
  }
}

/** The masked column behind a column of the target, through views; null where there is none. */
function maskedColumn(work: Work, target: ChangeTarget, name: string | undefined): string | null {
  const flow = target.source.columns?.find((column) => column.name === name)?.flow ?? CLEAN;
  for (const column of flow.columns) if (work.masked.has(column)) return column;
  return null;
}

function returning(
  work: Work,
  clause: NodeOf<'ReturningClause'> | undefined,
  scope: Scope,
  target: ChangeTarget,
): SelectFlows {
  if (clause === undefined) return { columns: [], whole: CLEAN, deciders: CLEAN };
  const names = { old: 'old', new: 'new' };
  for (const node of clause.options ?? []) {
    const option = as('ReturningOption', node);
    if (option?.value === undefined) continue;
    names[option.option === 'RETURNING_OPTION_OLD' ? 'old' : 'new'] = option.value;
  }
  for (const alias of Object.values(names)) {
    scope.sources.push({ ...target.source, alias, qualifiedOnly: true });
  }
  const star = scope.sources.filter((source) => !source.qualifiedOnly);
  const columns = star.every((source) => source.columns !== null)
    ? star.flatMap((source) => source.columns ?? [])
    : null;
  const outputs = targetList(work, clause.exprs, scope, columns);
  touches(work, outputs.whole);
  return { ...outputs, deciders: CLEAN };
}
