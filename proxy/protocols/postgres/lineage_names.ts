/** How the server names an output column that has no AS (FigureColname in parse_target.c). */
import { as, type Node, type NodeOf, nameOf, stringOf } from './ast.ts';

const UNNAMED = '?column?';

/**
 * The name an outer query may use. Where this guesses wrong, the outer reference is not found and counts
 * as unsure: too much is masked, never too little.
 */
export function outputName(value: Node): string {
  return figured(value) ?? UNNAMED;
}

function figured(value: Node): string | null {
  const cast = as('TypeCast', value);
  if (cast !== null) {
    return (cast.arg && figured(cast.arg)) ?? (stringOf(cast.typeName?.names?.at(-1)) || null);
  }
  const selected = lastName(as('ColumnRef', value)?.fields);
  if (selected !== null) return selected;
  const indirection = as('A_Indirection', value);
  if (indirection !== null) {
    return lastName(indirection.indirection) ?? (indirection.arg ? figured(indirection.arg) : null);
  }
  const collate = as('CollateClause', value);
  if (collate?.arg !== undefined) return figured(collate.arg);
  const call = as('FuncCall', value);
  if (call !== null) return stringOf(call.funcname?.at(-1));
  const link = as('SubLink', value);
  if (link !== null) return sublinkName(link);
  const choice = as('CaseExpr', value);
  if (choice !== null) return (choice.defresult && figured(choice.defresult)) ?? 'case';
  if (as('A_Expr', value)?.kind === 'AEXPR_NULLIF') return 'nullif';
  if (nameOf(value) === 'MinMaxExpr') {
    return as('MinMaxExpr', value)?.op === 'IS_LEAST' ? 'least' : 'greatest';
  }
  const now = as('SQLValueFunction', value)?.op;
  if (now !== undefined)
    return now
      .replace(/^SVFOP_/, '')
      .replace(/_N$/, '')
      .toLowerCase();
  return FIXED[nameOf(value)] ?? null;
}

const FIXED: Readonly<Record<string, string>> = {
  CoalesceExpr: 'coalesce',
  A_ArrayExpr: 'array',
  RowExpr: 'row',
  GroupingFunc: 'grouping',
  MergeSupportFunc: 'merge_action',
  XmlSerialize: 'xmlserialize',
  JsonObjectConstructor: 'json_object',
  JsonArrayConstructor: 'json_array',
  JsonArrayQueryConstructor: 'json_array',
  JsonObjectAgg: 'json_objectagg',
  JsonArrayAgg: 'json_arrayagg',
};

function sublinkName(link: NodeOf<'SubLink'>): string | null {
  if (link.subLinkType === 'EXISTS_SUBLINK') return 'exists';
  if (link.subLinkType === 'ARRAY_SUBLINK') return 'array';
  if (link.subLinkType !== 'EXPR_SUBLINK') return null;
  const first = as('ResTarget', as('SelectStmt', link.subselect)?.targetList?.[0]);
  return first?.name ?? (first?.val === undefined ? null : figured(first.val));
}

/** The last plain name of a path; null where it ends in `*` or has none. */
function lastName(fields: readonly Node[] | undefined): string | null {
  const names = (fields ?? []).flatMap((field) => stringOf(field) || []);
  return names.at(-1) ?? null;
}
