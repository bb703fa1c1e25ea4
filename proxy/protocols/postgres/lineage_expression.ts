/**
 * Expressions: what a value is made of. The walker knows every node of the grammar that may stand in one by
 * name; what it does not know makes the command opaque and the value unsure, it is never skipped.
 */
import {
  as,
  bodyOf,
  childrenOf,
  constantOf,
  isNode,
  type Node,
  type NodeOf,
  nameOf,
  nodesWithin,
  stringOf,
} from './ast.ts';
import { CLEAN, type Flow, UNSURE, union, unionOf } from './flow.ts';
import { callFunction, useImplied, useOperator, useType } from './lineage_resolve.ts';
import {
  columnFlow,
  endsInStar,
  findColumn,
  memberFlow,
  newScope,
  type Scope,
  starSource,
  wholeRow,
} from './lineage_scope.ts';
import { queryFlows } from './lineage_with.ts';
import { access, decides, isTainted, opaque, spend, type Work } from './work.ts';

/** Longest number that is shown where nothing ties it to a column: too short for a card, an SSN or a phone. */
const SHORT_NUMBER_MAX = 4;

/** What the value of an expression is made of. */
export function expression(work: Work, node: Node, scope: Scope): Flow {
  spend(work);
  const walk = WALKERS[nameOf(node)];
  if (walk !== undefined) {
    return walk(work, bodyOf(node), scope);
  }
  opaque(work, `A ${nameOf(node)} cannot be read`);
  return UNSURE;
}

/** A WHERE, ON or HAVING: each part of it that stands alone decides, and its literals belong to it. */
export function condition(work: Work, node: Node | undefined, scope: Scope): Flow {
  if (node === undefined) return CLEAN;
  const boolean = as('BoolExpr', node);
  if (boolean !== null) {
    return unionOf((boolean.args ?? []).map((arm) => condition(work, arm, scope)));
  }
  const flow = expression(work, node, scope);
  decides(work, flow);
  keepWhereClean(work, node, flow);
  return flow;
}

/** Literals beside columns none of which is masked are fit to be shown. */
export function keepWhereClean(work: Work, node: Node, flow: Flow): void {
  if (flow.columns.size > 0 && !isTainted(work, flow)) keepConstants(work, node);
}

/** Marks the literals and parameters of an expression as fit to be shown. */
export function keepConstants(work: Work, root: Node): void {
  for (const node of nodesWithin(root)) {
    const constant = as('A_Const', node);
    if (constant !== null) work.found.plainLiterals.add(constant.location ?? 0);
    const parameter = as('ParamRef', node);
    if (parameter !== null) work.found.plainParameters.add(parameter.location ?? 0);
  }
}

/** The partition and the order of a window; that of a window by name is in the scope. */
export function windowFlow(work: Work, window: NodeOf<'WindowDef'>, scope: Scope): Flow {
  const named = window.name !== undefined || window.refname !== undefined ? scope.windows : CLEAN;
  const parts = [
    ...(window.partitionClause ?? []),
    ...(window.orderClause ?? []),
    ...[window.startOffset, window.endOffset].filter((offset) => offset !== undefined),
  ];
  return union(named, unionOf(parts.map((part) => expression(work, part, scope))));
}

type Walker = (work: Work, body: unknown, scope: Scope) => Flow;

/** The flows of everything directly inside: for nodes whose value is made of their parts and nothing else. */
const parts: Walker = (work, body, scope) =>
  unionOf([...childrenOf(body)].map((child) => expression(work, child, scope)));

const clean: Walker = () => CLEAN;

function walker<Name extends string>(
  walk: (work: Work, body: NodeOf<Name>, scope: Scope) => Flow,
): Walker {
  // Safe by the table: a walker stands under the one name whose body it takes.
  return walk as unknown as Walker;
}

const WALKERS: Readonly<Record<string, Walker | undefined>> = {
  A_Const: clean,
  ParamRef: walker<'ParamRef'>((work, parameter) => {
    work.found.parameters.set(parameter.location ?? 0, parameter.number ?? 0);
    return CLEAN;
  }),
  ColumnRef: walker<'ColumnRef'>((work, reference, scope) => {
    const fields = reference.fields ?? [];
    if (!endsInStar(fields)) return columnFlow(work, scope, fields);
    if (fields.length > 1) return wholeRow(work, starSource(work, scope, fields));
    return unionOf(scope.sources.map((source) => wholeRow(work, source)));
  }),
  A_Expr: walker<'A_Expr'>((work, operation, scope) => {
    useOperator(work, operation.name);
    if (/BETWEEN/.test(operation.kind ?? '')) useImplied(work, '<', '<=', '>', '>=');
    return parts(work, [operation.lexpr, operation.rexpr], scope);
  }),
  BoolExpr: parts,
  FuncCall: walker<'FuncCall'>(functionCall),
  TypeCast: walker<'TypeCast'>((work, cast, scope) => {
    useType(work, cast.typeName);
    return cast.arg === undefined ? CLEAN : expression(work, cast.arg, scope);
  }),
  CollateClause: walker<'CollateClause'>((work, collate, scope) =>
    collate.arg === undefined ? CLEAN : expression(work, collate.arg, scope),
  ),
  SubLink: walker<'SubLink'>((work, link, scope) => {
    useOperator(work, link.operName);
    const inner = queryFlows(work, link.subselect, newScope(scope));
    const test = link.testexpr === undefined ? CLEAN : expression(work, link.testexpr, scope);
    return unionOf([inner.whole, inner.deciders, test]);
  }),
  CaseExpr: (work, choice, scope) => {
    useImplied(work, '=');
    return parts(work, choice, scope);
  },
  CaseWhen: parts,
  CoalesceExpr: parts,
  MinMaxExpr: parts,
  NullTest: parts,
  BooleanTest: parts,
  A_ArrayExpr: parts,
  RowExpr: parts,
  List: parts,
  SortBy: walker<'SortBy'>((work, key, scope) => {
    useOperator(work, key.useOp);
    return key.node === undefined ? CLEAN : expression(work, key.node, scope);
  }),
  GroupingSet: parts,
  GroupingFunc: parts,
  A_Indices: parts,
  A_Indirection: walker<'A_Indirection'>(indirection),
  NamedArgExpr: walker<'NamedArgExpr'>((work, argument, scope) =>
    argument.arg === undefined ? CLEAN : expression(work, argument.arg, scope),
  ),
  ResTarget: walker<'ResTarget'>((work, target, scope) =>
    target.val === undefined ? CLEAN : expression(work, target.val, scope),
  ),
  MultiAssignRef: walker<'MultiAssignRef'>((work, assigned, scope) =>
    assigned.source === undefined ? CLEAN : expression(work, assigned.source, scope),
  ),
  SetToDefault: clean,
  SQLValueFunction: clean,
  MergeSupportFunc: clean,
  CurrentOfExpr: (work) => {
    opaque(work, 'WHERE CURRENT OF changes the row of a cursor');
    return UNSURE;
  },
  TypeName: walker<'TypeName'>((work, type) => {
    useType(work, type);
    return CLEAN;
  }),
  String: clean,
  Integer: clean,
  Float: clean,
  Boolean: clean,
  // SQL/XML and SQL/JSON (PostgreSQL manual, 9.15 and 9.16): builtins with a grammar of their own.
  XmlExpr: parts,
  XmlSerialize: walker<'XmlSerialize'>((work, serialize, scope) => {
    useType(work, serialize.typeName);
    return serialize.expr === undefined ? CLEAN : expression(work, serialize.expr, scope);
  }),
  JsonIsPredicate: parts,
  JsonParseExpr: jsonParts,
  JsonScalarExpr: jsonParts,
  JsonSerializeExpr: jsonParts,
  JsonFuncExpr: jsonParts,
  JsonObjectConstructor: jsonParts,
  JsonArrayConstructor: jsonParts,
  JsonArrayQueryConstructor: walker<'JsonArrayQueryConstructor'>((work, array, scope) => {
    const inner = queryFlows(work, array.query, newScope(scope));
    return union(inner.whole, inner.deciders);
  }),
  JsonObjectAgg: jsonParts,
  JsonArrayAgg: jsonParts,
  JsonAggConstructor: jsonParts,
  JsonKeyValue: jsonParts,
  JsonValueExpr: jsonParts,
  JsonArgument: jsonParts,
  JsonOutput: jsonParts,
  JsonReturning: clean,
  JsonFormat: clean,
  JsonBehavior: jsonParts,
  JsonTablePathSpec: jsonParts,
};

/** SQL/JSON nodes nest plain structs, among them an output type and a window. */
function jsonParts(work: Work, body: unknown, scope: Scope): Flow {
  if (typeof body !== 'object' || body === null) return CLEAN;
  if (Array.isArray(body)) return unionOf(body.map((item) => jsonItem(work, item, scope)));
  return unionOf(
    Object.entries(body).map(([field, value]) => {
      if (field === 'over') return windowFlow(work, value as NodeOf<'WindowDef'>, scope);
      if (field === 'typeName') {
        useType(work, value as NodeOf<'TypeName'>);
        return CLEAN;
      }
      return jsonItem(work, value, scope);
    }),
  );
}

function jsonItem(work: Work, value: unknown, scope: Scope): Flow {
  if (typeof value !== 'object' || value === null) return CLEAN;
  return isNode(value) ? expression(work, value, scope) : jsonParts(work, value, scope);
}

function functionCall(work: Work, call: NodeOf<'FuncCall'>, scope: Scope): Flow {
  const harmless = callFunction(work, call.funcname ?? []);
  const inside = [
    ...(call.args ?? []),
    ...(call.agg_order ?? []),
    ...(call.agg_filter === undefined ? [] : [call.agg_filter]),
  ];
  let flow = unionOf(inside.map((node) => expression(work, node, scope)));
  if (call.over !== undefined) {
    const window = windowFlow(work, call.over, scope);
    decides(work, window);
    flow = union(flow, window);
  }
  if (harmless) return flow;
  noteSetConfig(work, call);
  for (const argument of call.args ?? []) {
    const constant = constantOf(argument);
    if (constant?.kind === 'number' && constant.text.length <= SHORT_NUMBER_MAX) {
      keepConstants(work, argument);
    }
  }
  return union(flow, UNSURE);
}

/** set_config is SET in another dress: policies see the setting too. */
function noteSetConfig(work: Work, call: NodeOf<'FuncCall'>): void {
  if (stringOf(call.funcname?.at(-1)) !== 'set_config') return;
  const setting = constantOf(call.args?.[0]);
  if (setting?.kind === 'string') {
    access(work, 'set', 'setting', setting.text.toLowerCase());
  }
}

/** `(composite).field`, `array[1]`, `(row).*`. A field of a whole row is that column. */
function indirection(work: Work, node: NodeOf<'A_Indirection'>, scope: Scope): Flow {
  const steps = node.indirection ?? [];
  const indices = unionOf(
    steps.filter((step) => 'A_Indices' in step).map((step) => expression(work, step, scope)),
  );
  const field = stringOf(steps[0]);
  const fields = as('ColumnRef', node.arg)?.fields;
  if (field !== '' && fields !== undefined) {
    const source = starSource(work, scope, [...fields, {} as Node]);
    if (source !== null) {
      // A column of that name, itself a composite, would win over the row of that name.
      const column = fields.length === 1 ? findColumn(work, scope, stringOf(fields[0])) : null;
      return unionOf([indices, memberFlow(work, source, field), column ?? CLEAN]);
    }
  }
  const whole = node.arg === undefined ? UNSURE : expression(work, node.arg, scope);
  if (
    steps.some((step) =>
      work.snapshot.functionsNamed(stringOf(step)).some((f) => f.schema !== 'pg_catalog'),
    )
  ) {
    opaque(work, `It may call the function ${steps.map(stringOf).join('.')} on a whole row`);
  }
  return union(indices, whole);
}
