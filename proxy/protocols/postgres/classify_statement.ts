/** One statement: its tag, its outputs, and what it does, by the kind of node that the grammar made of it. */
import { as, type Node, type NodeOf, nameOf, nodesWithin } from './ast.ts';
import { changeFlows } from './classify_change.ts';
import { definition } from './classify_definition.ts';
import { session } from './classify_session.ts';
import { CLEAN, type Flow, UNSURE } from './flow.ts';
import { condition } from './lineage_expression.ts';
import { homeSchema, relationNamed } from './lineage_resolve.ts';
import { fullName, newScope, type ScopeColumn } from './lineage_scope.ts';
import { selectFlows } from './lineage_select.ts';
import { access, decides, opaque, touches, type Work } from './work.ts';

export interface Statement {
  readonly tag: string;
  /** Of each output column; [] where it returns no rows; null where their number is not known. */
  readonly outputs: readonly Flow[] | null;
  readonly copies: boolean;
}

/** A statement that returns no rows. */
export function silent(tag: string): Statement {
  return { tag, outputs: [], copies: false };
}

export function classifyStatement(work: Work, node: Node): Statement {
  return (
    query(work, node) ??
    change(work, node) ??
    wrapper(work, node) ??
    session(work, node) ??
    definition(work, node) ??
    unknownStatement(work, node)
  );
}

function unknownStatement(work: Work, node: Node): Statement {
  opaque(work, `A ${nameOf(node)} is not known`);
  return { tag: nameOf(node).replace(/Stmt$/, '').toUpperCase(), outputs: null, copies: false };
}

function flowsOf(columns: readonly ScopeColumn[] | null): readonly Flow[] | null {
  return columns?.map((column) => column.flow) ?? null;
}

function query(work: Work, node: Node): Statement | null {
  const select = as('SelectStmt', node);
  if (select === null) return null;
  const { columns, whole } = selectFlows(work, select, null);
  const into = intoClause(select);
  if (into === undefined) return { tag: 'SELECT', outputs: flowsOf(columns), copies: false };
  createsRelation(work, into.rel);
  decides(work, whole);
  return silent('SELECT INTO');
}

/** INTO stands in the leftmost SELECT of a set operation. */
function intoClause(select: NodeOf<'SelectStmt'>): NodeOf<'IntoClause'> | undefined {
  let at: NodeOf<'SelectStmt'> = select;
  while (at.larg !== undefined) at = at.larg;
  return at.intoClause;
}

/** A new relation is not in the catalog: the facts name the schema that it goes into. */
export function createsRelation(work: Work, range: NodeOf<'RangeVar'> | undefined): void {
  const schema =
    range?.relpersistence === 't' ? 'pg_temp' : (range?.schemaname ?? homeSchema(work));
  access(work, 'create', 'schema', schema);
  work.found.changes.push({ kind: 'catalog' });
}

const CHANGE_TAGS: Readonly<Record<string, string>> = {
  InsertStmt: 'INSERT',
  UpdateStmt: 'UPDATE',
  DeleteStmt: 'DELETE',
  MergeStmt: 'MERGE',
};

function change(work: Work, node: Node): Statement | null {
  const flows = changeFlows(work, node, null);
  if (flows === null) return null;
  return { tag: CHANGE_TAGS[nameOf(node)] ?? '', outputs: flowsOf(flows.columns), copies: false };
}

/** Statements around another statement. */
function wrapper(work: Work, node: Node): Statement | null {
  const explain = as('ExplainStmt', node);
  if (explain !== null) return explainStatement(work, explain);
  const prepare = as('PrepareStmt', node);
  if (prepare?.query !== undefined) {
    classifyStatement(work, prepare.query);
    return silent('PREPARE');
  }
  const cursor = as('DeclareCursorStmt', node);
  if (cursor?.query !== undefined) {
    classifyStatement(work, cursor.query);
    return silent('DECLARE CURSOR');
  }
  const table = as('CreateTableAsStmt', node);
  if (table?.query !== undefined) {
    createsRelation(work, table.into?.rel);
    const inner = classifyStatement(work, table.query);
    for (const flow of inner.outputs ?? [UNSURE]) decides(work, flow);
    return silent(
      table.objtype === 'OBJECT_MATVIEW' ? 'CREATE MATERIALIZED VIEW' : 'CREATE TABLE AS',
    );
  }
  const view = as('ViewStmt', node);
  if (view?.query !== undefined) {
    createsRelation(work, view.view);
    classifyStatement(work, view.query);
    return silent('CREATE VIEW');
  }
  const copy = as('CopyStmt', node);
  return copy === null ? null : copyStatement(work, copy);
}

/**
 * EXPLAIN plans, with ANALYZE it runs. Without, what the inner statement would do is only explained; but
 * a plan shows estimates, so where a masked column decides something its text is not clean.
 */
function explainStatement(work: Work, explain: NodeOf<'ExplainStmt'>): Statement {
  const runs = (explain.options ?? []).some((option) => {
    const { defname, arg } = as('DefElem', option) ?? {};
    return defname === 'analyze' && !isOff(arg);
  });
  const before = new Map(work.found.accesses);
  if (runs) access(work, 'explain', 'target', work.target);
  const predicates = work.found.predicates.size;
  const doubts = work.found.opaque.length;
  if (explain.query !== undefined) classifyStatement(work, explain.query);
  if (!runs) {
    const inner = [...work.found.accesses.values()];
    work.found.accesses.clear();
    for (const [key, value] of before) work.found.accesses.set(key, value);
    const reads = inner.filter((found) => found.kind === 'relation');
    for (const { kind, name, columns } of reads) {
      access(work, 'explain', kind, name, { columns: columns === null ? null : [...columns] });
    }
    if (reads.length === 0) access(work, 'explain', 'target', work.target);
  }
  const tells = work.found.predicates.size > predicates || work.found.opaque.length > doubts;
  return { tag: 'EXPLAIN', outputs: [tells ? UNSURE : CLEAN], copies: false };
}

function isOff(argument: Node | undefined): boolean {
  if (argument === undefined) return false;
  for (const node of nodesWithin(argument)) {
    const text = (as('String', node)?.sval ?? '').toLowerCase();
    const boolean = as('Boolean', node);
    const integer = as('Integer', node);
    if (['false', 'off', 'no', '0'].includes(text)) return true;
    if (boolean !== null) return boolean.boolval !== true;
    if (integer !== null) return (integer.ival ?? 0) === 0;
  }
  return false;
}

function copyStatement(work: Work, copy: NodeOf<'CopyStmt'>): Statement {
  if (copy.is_program === true) opaque(work, 'It runs a program on the server');
  else if (copy.filename !== undefined) opaque(work, 'It reads or writes a file of the server');
  const names = (copy.attlist ?? []).flatMap((name) => as('String', name)?.sval ?? []);
  const columns = names.length === 0 ? null : names;
  if (copy.query !== undefined) {
    access(work, 'copy-out', 'target', work.target);
    classifyStatement(work, copy.query);
  }
  const relation = copy.relation === undefined ? null : relationNamed(work, copy.relation);
  if (relation !== null) {
    const name = fullName(relation);
    access(work, copy.is_from === true ? 'insert' : 'read', 'relation', name, { columns });
    access(work, copy.is_from === true ? 'copy-in' : 'copy-out', 'relation', name, { columns });
    touches(work, work.lineage.whole(relation));
    const scope = newScope(null);
    const flows = work.lineage.columns(relation);
    const whole = work.lineage.whole(relation);
    scope.sources.push({ alias: '', columns: flows, whole, relation, qualifiedOnly: false });
    condition(work, copy.whereClause, scope);
  }
  return { tag: 'COPY', outputs: [], copies: copy.filename === undefined };
}
