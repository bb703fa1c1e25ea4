/** Data definition, privileges and maintenance: a verb and the objects it is done to (PostgreSQL manual, part VI). */
import type { Verb } from '../../../core/facts.ts';
import { as, type Node, type NodeOf, nameOf, partsOf } from './ast.ts';
import { noteObject, noteRole, objectWords } from './classify_objects.ts';
import { createsRelation, type Statement, silent } from './classify_statement.ts';
import { homeSchema, relationNamed } from './lineage_resolve.ts';
import { fullName } from './lineage_scope.ts';
import { access, touches, type Work } from './work.ts';

export function definition(work: Work, node: Node): Statement | null {
  return (
    byObject(work, node) ??
    onRelation(work, node) ??
    privilege(work, node) ??
    maintenance(work, node) ??
    onTarget(work, node)
  );
}

function changesCatalog(work: Work): void {
  work.found.changes.push({ kind: 'catalog' });
}

/** DROP, ALTER … RENAME, OWNER, SET SCHEMA, COMMENT: the node says what kind of object it names. */
function byObject(work: Work, node: Node): Statement | null {
  const drop = as('DropStmt', node);
  if (drop !== null) {
    changesCatalog(work);
    const unknown = new Set(work.found.unknown);
    for (const object of drop.objects ?? []) noteObject(work, 'drop', drop.removeType, object);
    // IF EXISTS: what is not there is not dropped, which is no reason to refuse the statement.
    if (drop.missing_ok === true && work.found.unknown.size > unknown.size) {
      for (const name of work.found.unknown.difference(unknown)) work.found.unknown.delete(name);
      access(work, 'drop', 'schema', homeSchema(work));
    }
    return silent(`DROP ${objectWords(drop.removeType)}`);
  }
  const rename = as('RenameStmt', node);
  if (rename !== null) {
    // A column's statement says in relationType what it is a column of; schemas and roles stand in subname.
    const isColumn = rename.renameType === 'OBJECT_COLUMN';
    const type = isColumn ? rename.relationType : rename.renameType;
    const object = rename.object ?? { String: { sval: rename.subname ?? '' } };
    return alterObject(work, type, object, rename);
  }
  const owner = as('AlterOwnerStmt', node);
  if (owner !== null) return alterObject(work, owner.objectType, owner.object, owner);
  const schema = as('AlterObjectSchemaStmt', node);
  if (schema !== null) return alterObject(work, schema.objectType, schema.object, schema);
  const depends = as('AlterObjectDependsStmt', node);
  if (depends !== null) return alterObject(work, depends.objectType, depends.object, depends);
  const comment = as('CommentStmt', node);
  if (comment !== null) {
    noteObject(work, 'alter', comment.objtype, comment.object);
    return silent('COMMENT');
  }
  const routine = as('AlterFunctionStmt', node);
  if (routine !== null) {
    changesCatalog(work);
    const object = routine.func === undefined ? undefined : { ObjectWithArgs: routine.func };
    noteObject(work, 'alter', routine.objtype ?? 'OBJECT_FUNCTION', object);
    return silent(`ALTER ${objectWords(routine.objtype)}`);
  }
  return null;
}

function alterObject(
  work: Work,
  type: NodeOf<'DropStmt'>['removeType'],
  object: Node | undefined,
  statement: { readonly relation?: NodeOf<'RangeVar'> },
): Statement {
  changesCatalog(work);
  if (statement.relation !== undefined) noteRelation(work, 'alter', statement.relation);
  else noteObject(work, 'alter', type, object);
  return silent(`ALTER ${objectWords(type)}`);
}

function noteRelation(work: Work, verb: Verb, range: NodeOf<'RangeVar'> | undefined): void {
  const relation = range === undefined ? null : relationNamed(work, range);
  if (relation === null) return;
  access(work, verb, 'relation', fullName(relation));
  // A default, a check or a partial index may quote a value; a unique index that fails prints one.
  if (verb !== 'truncate' && verb !== 'lock') touches(work, work.lineage.whole(relation));
}

/** Statements with a relation in them, or that make one. */
function onRelation(work: Work, node: Node): Statement | null {
  const alter = as('AlterTableStmt', node);
  if (alter !== null) {
    changesCatalog(work);
    noteRelation(work, 'alter', alter.relation);
    return silent(`ALTER ${objectWords(alter.objtype)}`);
  }
  const made = as('CreateStmt', node) ?? as('CreateForeignTableStmt', node)?.base;
  if (made !== undefined && made !== null) {
    createsRelation(work, made.relation);
    for (const parent of made.inhRelations ?? []) {
      noteRelation(work, 'alter', as('RangeVar', parent) ?? undefined);
    }
    return silent(nameOf(node) === 'CreateStmt' ? 'CREATE TABLE' : 'CREATE FOREIGN TABLE');
  }
  const sequence = as('CreateSeqStmt', node);
  if (sequence !== null) {
    createsRelation(work, sequence.sequence);
    return silent('CREATE SEQUENCE');
  }
  const altered = as('AlterSeqStmt', node);
  if (altered !== null) {
    changesCatalog(work);
    noteRelation(work, 'alter', altered.sequence);
    return silent('ALTER SEQUENCE');
  }
  for (const [name, tag, verb] of RELATION_STATEMENTS) {
    const body = as(name, node) as {
      relation?: NodeOf<'RangeVar'>;
      table?: NodeOf<'RangeVar'>;
    } | null;
    if (body === null) continue;
    changesCatalog(work);
    noteRelation(work, verb, body.relation ?? body.table);
    return silent(tag);
  }
  return null;
}

const RELATION_STATEMENTS: readonly (readonly [node: string, tag: string, verb: Verb])[] = [
  ['IndexStmt', 'CREATE INDEX', 'create'],
  ['CreateTrigStmt', 'CREATE TRIGGER', 'create'],
  ['RuleStmt', 'CREATE RULE', 'create'],
  ['CreatePolicyStmt', 'CREATE POLICY', 'create'],
  ['AlterPolicyStmt', 'ALTER POLICY', 'alter'],
];

function privilege(work: Work, node: Node): Statement | null {
  const grant = as('GrantStmt', node);
  if (grant !== null) {
    changesCatalog(work);
    if (grant.targtype !== 'ACL_TARGET_OBJECT') {
      for (const schema of partsOf(grant.objects)) access(work, 'grant', 'schema', schema);
    } else {
      for (const object of grant.objects ?? []) noteObject(work, 'grant', grant.objtype, object);
    }
    return silent(grant.is_grant === true ? 'GRANT' : 'REVOKE');
  }
  const membership = as('GrantRoleStmt', node);
  if (membership !== null) {
    for (const role of membership.granted_roles ?? []) {
      access(work, 'grant', 'role', as('AccessPriv', role)?.priv_name ?? '');
    }
    return silent(membership.is_grant === true ? 'GRANT ROLE' : 'REVOKE ROLE');
  }
  const role =
    as('CreateRoleStmt', node) ?? as('AlterRoleStmt', node) ?? as('AlterRoleSetStmt', node);
  if (role !== null) {
    // PASSWORD '…' stands in the text.
    work.found.holdsSecret = true;
    const creates = nameOf(node) === 'CreateRoleStmt';
    const name = 'role' in role ? role.role : undefined;
    if (typeof name === 'string') access(work, creates ? 'create' : 'alter', 'role', name);
    else noteRole(work, 'alter', name);
    if ('setstmt' in role) access(work, 'set', 'setting', role.setstmt?.name ?? 'all');
    return silent(creates ? 'CREATE ROLE' : 'ALTER ROLE');
  }
  const dropped = as('DropRoleStmt', node);
  if (dropped === null) return null;
  for (const name of dropped.roles ?? []) noteRole(work, 'drop', as('RoleSpec', name) ?? undefined);
  return silent('DROP ROLE');
}

/** TRUNCATE, LOCK and what keeps tables in shape. */
function maintenance(work: Work, node: Node): Statement | null {
  const truncate = as('TruncateStmt', node);
  if (truncate !== null) {
    for (const relation of truncate.relations ?? []) {
      noteRelation(work, 'truncate', as('RangeVar', relation) ?? undefined);
    }
    return silent('TRUNCATE TABLE');
  }
  const lock = as('LockStmt', node);
  if (lock !== null) {
    for (const relation of lock.relations ?? []) {
      noteRelation(work, 'lock', as('RangeVar', relation) ?? undefined);
    }
    return silent('LOCK TABLE');
  }
  const vacuum = as('VacuumStmt', node);
  if (vacuum !== null) {
    const ranges = (vacuum.rels ?? []).flatMap((r) => as('VacuumRelation', r)?.relation ?? []);
    for (const range of ranges) noteRelation(work, 'maintain', range);
    if (ranges.length === 0) access(work, 'maintain', 'target', work.target);
    return silent(vacuum.is_vacuumcmd === true ? 'VACUUM' : 'ANALYZE');
  }
  const upkeep =
    as('ClusterStmt', node) ?? as('ReindexStmt', node) ?? as('RefreshMatViewStmt', node);
  if (upkeep !== null) {
    if (upkeep.relation !== undefined) noteRelation(work, 'maintain', upkeep.relation);
    else access(work, 'maintain', 'target', work.target);
    const tags: Readonly<Record<string, string>> = {
      ClusterStmt: 'CLUSTER',
      ReindexStmt: 'REINDEX',
      RefreshMatViewStmt: 'REFRESH MATERIALIZED VIEW',
    };
    return silent(tags[nameOf(node)] ?? '');
  }
  if (as('CheckPointStmt', node) === null) return null;
  access(work, 'maintain', 'target', work.target);
  return silent('CHECKPOINT');
}

/** What is neither a relation, a role nor a setting: judged as something done to a schema or the target. */
function onTarget(work: Work, node: Node): Statement | null {
  const routine = as('CreateFunctionStmt', node);
  if (routine !== null) {
    noteNewIn(work, routine.funcname);
    // The body may hold anything.
    work.found.holdsSecret ||= work.masked.size > 0;
    return silent(routine.is_procedure === true ? 'CREATE PROCEDURE' : 'CREATE FUNCTION');
  }
  const schema = as('CreateSchemaStmt', node);
  if (schema !== null) {
    changesCatalog(work);
    access(work, 'create', 'schema', schema.schemaname ?? schema.authrole?.rolename ?? '');
    for (const element of schema.schemaElts ?? []) definition(work, element);
    return silent('CREATE SCHEMA');
  }
  const defined = as('DefineStmt', node);
  if (defined !== null) {
    noteNewIn(work, defined.defnames);
    return silent(`CREATE ${objectWords(defined.kind)}`);
  }
  const [verb, tag] = TARGET_STATEMENTS[nameOf(node)] ?? [];
  if (verb === undefined || tag === undefined) return null;
  changesCatalog(work);
  access(work, verb, 'target', work.target);
  // Connection strings and user mappings carry passwords.
  if (/Subscription|UserMapping|ForeignServer|Fdw/.test(nameOf(node)))
    work.found.holdsSecret = true;
  const system = as('AlterSystemStmt', node)?.setstmt ?? as('AlterDatabaseSetStmt', node)?.setstmt;
  if (system !== undefined) access(work, 'set', 'setting', system.name ?? 'all');
  return silent(tag);
}

function noteNewIn(work: Work, name: readonly Node[] | undefined): void {
  const parts = partsOf(name);
  createsRelation(work, parts.length > 1 ? { schemaname: parts.at(-2) ?? '' } : undefined);
}

const TARGET_STATEMENTS: Readonly<Record<string, readonly [verb: Verb, tag: string]>> = {
  AlterCollationStmt: ['alter', 'ALTER COLLATION'],
  AlterDatabaseRefreshCollStmt: ['alter', 'ALTER DATABASE'],
  AlterDatabaseSetStmt: ['alter', 'ALTER DATABASE'],
  AlterDatabaseStmt: ['alter', 'ALTER DATABASE'],
  AlterDefaultPrivilegesStmt: ['grant', 'ALTER DEFAULT PRIVILEGES'],
  AlterDomainStmt: ['alter', 'ALTER DOMAIN'],
  AlterEnumStmt: ['alter', 'ALTER TYPE'],
  AlterEventTrigStmt: ['alter', 'ALTER EVENT TRIGGER'],
  AlterExtensionContentsStmt: ['alter', 'ALTER EXTENSION'],
  AlterExtensionStmt: ['alter', 'ALTER EXTENSION'],
  AlterFdwStmt: ['alter', 'ALTER FOREIGN DATA WRAPPER'],
  AlterForeignServerStmt: ['alter', 'ALTER SERVER'],
  AlterOpFamilyStmt: ['alter', 'ALTER OPERATOR FAMILY'],
  AlterOperatorStmt: ['alter', 'ALTER OPERATOR'],
  AlterPublicationStmt: ['alter', 'ALTER PUBLICATION'],
  AlterStatsStmt: ['alter', 'ALTER STATISTICS'],
  AlterSubscriptionStmt: ['alter', 'ALTER SUBSCRIPTION'],
  AlterSystemStmt: ['alter', 'ALTER SYSTEM'],
  AlterTSConfigurationStmt: ['alter', 'ALTER TEXT SEARCH CONFIGURATION'],
  AlterTSDictionaryStmt: ['alter', 'ALTER TEXT SEARCH DICTIONARY'],
  AlterTableMoveAllStmt: ['alter', 'ALTER TABLE'],
  AlterTableSpaceOptionsStmt: ['alter', 'ALTER TABLESPACE'],
  AlterTypeStmt: ['alter', 'ALTER TYPE'],
  AlterUserMappingStmt: ['alter', 'ALTER USER MAPPING'],
  CompositeTypeStmt: ['create', 'CREATE TYPE'],
  CreateAmStmt: ['create', 'CREATE ACCESS METHOD'],
  CreateCastStmt: ['create', 'CREATE CAST'],
  CreateConversionStmt: ['create', 'CREATE CONVERSION'],
  CreateDomainStmt: ['create', 'CREATE DOMAIN'],
  CreateEnumStmt: ['create', 'CREATE TYPE'],
  CreateEventTrigStmt: ['create', 'CREATE EVENT TRIGGER'],
  CreateExtensionStmt: ['create', 'CREATE EXTENSION'],
  CreateFdwStmt: ['create', 'CREATE FOREIGN DATA WRAPPER'],
  CreateForeignServerStmt: ['create', 'CREATE SERVER'],
  CreateOpClassStmt: ['create', 'CREATE OPERATOR CLASS'],
  CreateOpFamilyStmt: ['create', 'CREATE OPERATOR FAMILY'],
  CreatePLangStmt: ['create', 'CREATE LANGUAGE'],
  CreatePublicationStmt: ['create', 'CREATE PUBLICATION'],
  CreateRangeStmt: ['create', 'CREATE TYPE'],
  CreateStatsStmt: ['create', 'CREATE STATISTICS'],
  CreateSubscriptionStmt: ['create', 'CREATE SUBSCRIPTION'],
  CreateTableSpaceStmt: ['create', 'CREATE TABLESPACE'],
  CreateTransformStmt: ['create', 'CREATE TRANSFORM'],
  CreateUserMappingStmt: ['create', 'CREATE USER MAPPING'],
  CreatedbStmt: ['create', 'CREATE DATABASE'],
  DropOwnedStmt: ['drop', 'DROP OWNED'],
  DropSubscriptionStmt: ['drop', 'DROP SUBSCRIPTION'],
  DropTableSpaceStmt: ['drop', 'DROP TABLESPACE'],
  DropUserMappingStmt: ['drop', 'DROP USER MAPPING'],
  DropdbStmt: ['drop', 'DROP DATABASE'],
  ImportForeignSchemaStmt: ['create', 'IMPORT FOREIGN SCHEMA'],
  ReassignOwnedStmt: ['alter', 'REASSIGN OWNED'],
  SecLabelStmt: ['alter', 'SECURITY LABEL'],
};
