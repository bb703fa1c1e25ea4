/**
 * Does a WHERE narrow down the rows that a statement changes? It does where a part of it compares a column
 * of the changed relation with something that is not that same column. `true`, `1=1`, `id=id`, `id in (id)`
 * and `id is not null` on a NOT NULL column do not. In doubt: no.
 */
import {
  as,
  constantOf,
  type Node,
  type NodeOf,
  nameOf,
  nodesWithin,
  stringOf,
  withoutCasts,
} from './ast.ts';
import type { Relation } from './catalog_snapshot.ts';
import { expression } from './lineage_expression.ts';
import { fromClause } from './lineage_from.ts';
import { fullName, newScope, type Scope } from './lineage_scope.ts';
import { scratch, type Work } from './work.ts';

interface Question {
  readonly work: Work;
  readonly scope: Scope;
  readonly relation: Relation;
  /** True under an odd number of NOTs: then AND and OR change places. */
  readonly negated: boolean;
}

/** True where the condition bounds the rows of `relation`, which `scope` holds. */
export function isBounding(
  work: Work,
  where: Node | undefined,
  scope: Scope,
  relation: Relation | null,
): boolean {
  if (where === undefined || relation === null) return false;
  return bounds({ work: scratch(work), scope, relation, negated: false }, where);
}

function bounds(question: Question, node: Node): boolean {
  const boolean = as('BoolExpr', node);
  if (boolean !== null) return boundsBoolean(question, boolean);
  const operation = as('A_Expr', node);
  if (operation !== null) return boundsComparison(question, operation);
  const test = as('NullTest', node) ?? as('BooleanTest', node);
  if (test?.arg !== undefined) return boundsTest(question, node, test.arg);
  const link = as('SubLink', node);
  if (link !== null) return boundsSubLink(question, link);
  const cast = as('TypeCast', node);
  if (cast?.arg !== undefined) return bounds(question, cast.arg);
  const choice = as('CoalesceExpr', node);
  if (choice !== null)
    return (choice.args ?? []).every((arm) => isFalse(arm) || bounds(question, arm));
  const call = as('FuncCall', node);
  if (call !== null) return boundsCall(question, call);
  // A boolean column by itself is a comparison with true.
  return nameOf(node) === 'ColumnRef' && read(question, node).size > 0;
}

function boundsBoolean(question: Question, boolean: NodeOf<'BoolExpr'>): boolean {
  const arms = boolean.args ?? [];
  if (boolean.boolop === 'NOT_EXPR') {
    const [arm] = arms;
    return arm !== undefined && bounds({ ...question, negated: !question.negated }, arm);
  }
  const isAnd = (boolean.boolop === 'AND_EXPR') !== question.negated;
  if (isAnd) return arms.some((arm) => bounds(question, arm));
  // An arm that is never true adds no rows.
  const live = arms.filter((arm) => question.negated || !isFalse(arm));
  return live.length > 0 && live.every((arm) => bounds(question, arm)) && !coversAll(live);
}

const COMPLEMENTS: Readonly<Record<string, string>> = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
};

/** `x = 1 or x <> 1`, `x is null or x is not null`: together they leave nothing out but NULLs. */
function coversAll(arms: readonly Node[]): boolean {
  const seen = new Set(arms.map(spelling));
  return arms.some((arm) => {
    const test = as('NullTest', arm);
    if (test !== null) {
      const nulltesttype = test.nulltesttype === 'IS_NULL' ? 'IS_NOT_NULL' : 'IS_NULL';
      return seen.has(spelling({ NullTest: { ...test, nulltesttype } }));
    }
    const operation = as('A_Expr', arm);
    const complement = COMPLEMENTS[stringOf(operation?.name?.at(-1))];
    if (operation === null || complement === undefined) return false;
    return seen.has(
      spelling({ A_Expr: { ...operation, name: [{ String: { sval: complement } }] } }),
    );
  });
}

/** The same for two expressions that differ in nothing but their place in the text. */
function spelling(node: Node): string {
  return JSON.stringify(node, (key, value: unknown) => (key === 'location' ? undefined : value));
}

function boundsComparison(question: Question, operation: NodeOf<'A_Expr'>): boolean {
  const { lexpr, rexpr, kind } = operation;
  if (lexpr === undefined || rexpr === undefined) return false;
  if (kind === 'AEXPR_BETWEEN' || kind === 'AEXPR_BETWEEN_SYM') {
    const ends = as('List', rexpr)?.items ?? [];
    return ends.length > 0 && ends.every((end) => differs(question, lexpr, end));
  }
  if (kind === 'AEXPR_NOT_BETWEEN' || kind === 'AEXPR_NOT_BETWEEN_SYM') {
    return (as('List', rexpr)?.items ?? []).every((end) => differs(question, lexpr, end));
  }
  if (kind === 'AEXPR_IN') {
    return (as('List', rexpr)?.items ?? []).every((item) => differs(question, lexpr, item));
  }
  if (kind === 'AEXPR_LIKE' || kind === 'AEXPR_ILIKE' || kind === 'AEXPR_SIMILAR') {
    const pattern = constantOf(withoutCasts(rexpr));
    if (pattern?.kind === 'string' && /^%+$/.test(pattern.text)) return false;
  }
  const distinct = kind === 'AEXPR_DISTINCT' || kind === 'AEXPR_NOT_DISTINCT';
  if (distinct && constantOf(withoutCasts(rexpr))?.kind === 'null') {
    return boundsTest(question, { NullTest: {} }, lexpr);
  }
  return differs(question, lexpr, rexpr);
}

/** One side reads the relation, the other does not, or reads other columns of it. */
function differs(question: Question, left: Node, right: Node): boolean {
  const ours = read(question, left);
  const theirs = read(question, right);
  if (ours.size === 0 && theirs.size === 0) return false;
  if ((ours.size > 0 && foldsAway(left)) || (theirs.size > 0 && foldsAway(right))) return false;
  return !(ours.isSubsetOf(theirs) && theirs.isSubsetOf(ours));
}

/**
 * A side whose value may not depend on the column that it mentions: `id - id`, `0 * id`, CASE, COALESCE over
 * the column and itself. Plain columns, casts, and one use of a column in a function or a sum pass.
 */
function foldsAway(node: Node): boolean {
  let references = 0;
  for (const inner of nodesWithin(node)) {
    const name = nameOf(inner);
    if (name === 'ColumnRef') references += 1;
    if (
      name === 'CaseExpr' ||
      name === 'NullTest' ||
      name === 'BooleanTest' ||
      name === 'BoolExpr'
    ) {
      return true;
    }
    const constant = constantOf(inner);
    if (constant?.kind === 'number' && Number(constant.text) === 0 && nameOf(node) === 'A_Expr') {
      return true;
    }
  }
  return references > 1 && as('ColumnRef', node) === null && as('RowExpr', node) === null;
}

/** IS NULL, IS TRUE and so on: of a column that may be NULL they choose, of one that may not they do not. */
function boundsTest(question: Question, node: Node, argument: Node): boolean {
  const inner = withoutCasts(argument);
  const fields = as('ColumnRef', inner)?.fields;
  const unknown = as('BooleanTest', node)?.booltesttype;
  const aboutNull =
    unknown === undefined || unknown === 'IS_UNKNOWN' || unknown === 'IS_NOT_UNKNOWN';
  if (fields === undefined) return !aboutNull && bounds(question, inner);
  const columns = read(question, inner);
  if (columns.size === 0) return false;
  if (!aboutNull) return true;
  return question.relation.columns.some(
    (column) => columns.has(`${fullName(question.relation)}.${column.name}`) && !column.notNull,
  );
}

function boundsCall(question: Question, call: NodeOf<'FuncCall'>): boolean {
  const [first, ...others] = call.args ?? [];
  if (first === undefined || others.length === 0) return false;
  return others.every((other) => differs(question, first, other));
}

/** `id IN (SELECT …)` and EXISTS: bounding where the subquery itself is about other rows, or few. */
function boundsSubLink(question: Question, link: NodeOf<'SubLink'>): boolean {
  const select = as('SelectStmt', link.subselect);
  if (select === null) return false;
  const { work, relation } = question;
  const scope = newScope(question.scope);
  fromClause(work, select.fromClause, scope);
  const inner = { ...question, scope, negated: false };
  const narrowed = select.whereClause !== undefined && bounds(inner, select.whereClause);
  // A subquery over the changed relation itself, or over what may hide it, finds every row again.
  const again = scope.sources.some(
    (source) => source.relation === null || source.relation.oid === relation.oid,
  );
  if (link.subLinkType === 'EXISTS_SUBLINK') return narrowed && !again;
  if (link.testexpr === undefined || read(question, link.testexpr).size === 0) return false;
  return !again || narrowed || select.limitCount !== undefined;
}

/** The columns of the changed relation, or behind it where it is a view, that an expression reads. */
function read({ work, scope, relation }: Question, node: Node): ReadonlySet<string> {
  const own = work.lineage.whole(relation).columns;
  return expression(work, node, scope).columns.intersection(own);
}

function isFalse(node: Node): boolean {
  const constant = constantOf(withoutCasts(node));
  return constant?.kind === 'null' || (constant?.kind === 'boolean' && !constant.value);
}
