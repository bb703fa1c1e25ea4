/** Statements about the session: settings, roles, transactions, cursors, notifications, dynamic SQL. */
import { as, constantOf, type Node, type NodeOf } from './ast.ts';
import type { Statement } from './classify_statement.ts';
import { CLEAN } from './flow.ts';
import { expression } from './lineage_expression.ts';
import { newScope } from './lineage_scope.ts';
import { access, opaque, type Work } from './work.ts';

export function session(work: Work, node: Node): Statement | null {
  const set = as('VariableSetStmt', node);
  if (set !== null) return setStatement(work, set);
  const transaction = as('TransactionStmt', node);
  if (transaction !== null) return transactionStatement(work, transaction);
  const show = as('VariableShowStmt', node);
  if (show !== null) {
    access(work, 'read', 'setting', (show.name ?? 'all').toLowerCase());
    const columns = show.name?.toLowerCase() === 'all' ? 3 : 1;
    return { tag: 'SHOW', outputs: Array.from({ length: columns }, () => CLEAN), copies: false };
  }
  const discard = as('DiscardStmt', node);
  if (discard !== null) {
    access(work, 'set', 'setting', 'all');
    work.found.changes.push({ kind: 'reset', name: 'all' });
    return silent('DISCARD');
  }
  return dynamic(work, node) ?? cursor(work, node) ?? notification(work, node);
}

function silent(tag: string): Statement {
  return { tag, outputs: [], copies: false };
}

/** Settings that are roles in disguise: the grammar writes SET ROLE as SET role. */
const ROLE_SETTINGS: ReadonlySet<string> = new Set(['role', 'session_authorization']);

function setStatement(work: Work, set: NodeOf<'VariableSetStmt'>): Statement {
  const name = (set.name ?? 'all').toLowerCase();
  const value = settingValue(set.args);
  const resets =
    set.kind === 'VAR_RESET' || set.kind === 'VAR_RESET_ALL' || set.kind === 'VAR_SET_DEFAULT';
  if (set.kind === 'VAR_SET_MULTI') {
    // SET TRANSACTION and SET SESSION CHARACTERISTICS; a snapshot is a transaction's as well.
    access(work, 'transact', 'target', work.target);
    return silent('SET');
  }
  if (ROLE_SETTINGS.has(name))
    access(
      work,
      'assume',
      'role',
      resets ? 'none' : value.toLowerCase() === 'none' ? 'none' : value,
    );
  else access(work, 'set', 'setting', name);
  if (resets) {
    const all = set.kind === 'VAR_RESET_ALL';
    work.found.changes.push({ kind: 'reset', name: all ? 'all' : name });
    return silent('RESET');
  }
  work.found.changes.push({ kind: 'set', name, value, local: set.is_local === true });
  return silent('SET');
}

/** As SHOW would print it: the items of a list are quoted where they need it. */
function settingValue(args: readonly Node[] | undefined): string {
  const items = (args ?? []).map((node) => {
    const constant = constantOf(node) ?? constantOf(as('TypeCast', node)?.arg);
    if (constant === null || constant.kind === 'null') return '';
    return constant.kind === 'boolean' ? String(constant.value) : constant.text;
  });
  if (items.length === 1) return items[0] ?? '';
  return items
    .map((item) => (/^[a-z_][a-z0-9_$]*$/.test(item) ? item : `"${item.replaceAll('"', '""')}"`))
    .join(', ');
}

type TransactionVerb = 'begin' | 'commit' | 'rollback' | 'savepoint';

const TRANSACTIONS: Readonly<Record<string, readonly [tag: string, verb: TransactionVerb | null]>> =
  {
    TRANS_STMT_BEGIN: ['BEGIN', 'begin'],
    TRANS_STMT_START: ['START TRANSACTION', 'begin'],
    TRANS_STMT_COMMIT: ['COMMIT', 'commit'],
    TRANS_STMT_ROLLBACK: ['ROLLBACK', 'rollback'],
    TRANS_STMT_SAVEPOINT: ['SAVEPOINT', 'savepoint'],
    TRANS_STMT_RELEASE: ['RELEASE', 'savepoint'],
    TRANS_STMT_ROLLBACK_TO: ['ROLLBACK TO SAVEPOINT', 'savepoint'],
    TRANS_STMT_PREPARE: ['PREPARE TRANSACTION', 'commit'],
    TRANS_STMT_COMMIT_PREPARED: ['COMMIT PREPARED', null],
    TRANS_STMT_ROLLBACK_PREPARED: ['ROLLBACK PREPARED', null],
  };

function transactionStatement(work: Work, statement: NodeOf<'TransactionStmt'>): Statement {
  access(work, 'transact', 'target', work.target);
  const [tag, verb] = TRANSACTIONS[statement.kind ?? ''] ?? ['TRANSACTION', null];
  if (verb !== null) work.found.changes.push({ kind: 'transaction', verb });
  // COMMIT PREPARED and ROLLBACK PREPARED end what another session began.
  else opaque(work, 'It ends a transaction that was prepared elsewhere');
  return silent(tag);
}

/** What runs text, or code, that is not in the statement. */
function dynamic(work: Work, node: Node): Statement | null {
  if (as('DoStmt', node) !== null) {
    opaque(work, 'DO runs code that the gateway cannot read');
    return silent('DO');
  }
  const call = as('CallStmt', node);
  if (call !== null) {
    opaque(work, 'CALL runs code that the gateway cannot read');
    if (call.funccall !== undefined) {
      expression(work, { FuncCall: call.funccall }, newScope(null));
    }
    return { tag: 'CALL', outputs: null, copies: false };
  }
  const execute = as('ExecuteStmt', node);
  if (execute !== null) {
    opaque(work, `EXECUTE runs a statement whose text is not here`);
    for (const parameter of execute.params ?? []) expression(work, parameter, newScope(null));
    return { tag: 'EXECUTE', outputs: null, copies: false };
  }
  if (as('LoadStmt', node) !== null) {
    opaque(work, 'LOAD runs code of a library');
    return silent('LOAD');
  }
  if (as('DeallocateStmt', node) !== null) return silent('DEALLOCATE');
  return null;
}

/** The query behind a cursor was judged when it was declared; its rows are masked as those of anything unsure. */
function cursor(work: Work, node: Node): Statement | null {
  const fetch = as('FetchStmt', node);
  if (fetch !== null) {
    work.found.touchesMasked ||= work.masked.size > 0;
    if (fetch.ismove === true) return silent('MOVE');
    return { tag: 'FETCH', outputs: null, copies: false };
  }
  return as('ClosePortalStmt', node) === null ? null : silent('CLOSE CURSOR');
}

function notification(work: Work, node: Node): Statement | null {
  const tags = { NotifyStmt: 'NOTIFY', ListenStmt: 'LISTEN', UnlistenStmt: 'UNLISTEN' } as const;
  for (const [name, tag] of Object.entries(tags)) {
    if (as(name, node) === null) continue;
    access(work, 'notify', 'target', work.target);
    return silent(tag);
  }
  if (as('ConstraintsSetStmt', node) !== null) {
    access(work, 'transact', 'target', work.target);
    return silent('SET CONSTRAINTS');
  }
  return null;
}
