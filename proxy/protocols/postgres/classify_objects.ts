/** Objects as data definition names them: by a list of names, a signature, a type or a role. */
import type { Verb } from '../../../core/facts.ts';
import { as, type Node, type NodeOf, partsOf, stringOf } from './ast.ts';
import { homeSchema, relationNamed } from './lineage_resolve.ts';
import { fullName } from './lineage_scope.ts';
import { access, type Work } from './work.ts';

type ObjectType = NodeOf<'DropStmt'>['removeType'];

const RELATIONS: ReadonlySet<string> = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
  'OBJECT_FOREIGN_TABLE',
]);

/** Named after the relation that they hang on: its name, then theirs. */
const PARTS_OF_RELATIONS: ReadonlySet<string> = new Set([
  'OBJECT_COLUMN',
  'OBJECT_TRIGGER',
  'OBJECT_RULE',
  'OBJECT_POLICY',
  'OBJECT_TABCONSTRAINT',
]);

const ROUTINES: ReadonlySet<string> = new Set([
  'OBJECT_FUNCTION',
  'OBJECT_PROCEDURE',
  'OBJECT_ROUTINE',
  'OBJECT_AGGREGATE',
]);

/** Adds the access for one object. What has no kind of its own counts as the target's. */
export function noteObject(
  work: Work,
  verb: Verb,
  type: ObjectType,
  object: Node | undefined,
): void {
  const kind = type ?? '';
  const range = as('RangeVar', object);
  const parts = namesOf(object);
  if (range !== null) noteRelation(work, verb, range);
  else if (RELATIONS.has(kind)) noteRelation(work, verb, rangeOf(parts));
  else if (PARTS_OF_RELATIONS.has(kind)) noteRelation(work, verb, rangeOf(parts.slice(0, -1)));
  else if (ROUTINES.has(kind)) access(work, verb, 'function', qualified(work, parts));
  else if (kind === 'OBJECT_SCHEMA') access(work, verb, 'schema', parts.at(-1) ?? '');
  else if (kind === 'OBJECT_ROLE') access(work, verb, 'role', parts.at(-1) ?? '');
  else if (kind === 'OBJECT_TYPE' || kind === 'OBJECT_DOMAIN') {
    access(work, verb, 'schema', qualified(work, parts).split('.')[0] ?? '');
  } else access(work, verb, 'target', work.target);
}

export function noteRole(work: Work, verb: Verb, role: NodeOf<'RoleSpec'> | undefined): void {
  // CURRENT_USER and its kin have no name; ALTER ROLE ALL has no role at all.
  const name = role?.rolename ?? role?.roletype?.replace('ROLESPEC_', '').toLowerCase() ?? 'all';
  access(work, verb, 'role', name);
}

/** `OBJECT_FOREIGN_TABLE` as SQL spells it. */
export function objectWords(type: ObjectType): string {
  const words = (type ?? '').replace(/^OBJECT_/, '').replaceAll('_', ' ');
  return words === 'MATVIEW' ? 'MATERIALIZED VIEW' : words;
}

function namesOf(object: Node | undefined): readonly string[] {
  const list = as('List', object)?.items;
  if (list !== undefined) return list.length === 1 ? namesOf(list[0]) : partsOf(list);
  const routine = as('ObjectWithArgs', object)?.objname;
  if (routine !== undefined) return partsOf(routine);
  const type = as('TypeName', object)?.names;
  return type === undefined ? [stringOf(object)] : partsOf(type);
}

function noteRelation(work: Work, verb: Verb, range: NodeOf<'RangeVar'>): void {
  const relation = relationNamed(work, range);
  if (relation !== null) access(work, verb, 'relation', fullName(relation));
}

function rangeOf(parts: readonly string[]): NodeOf<'RangeVar'> {
  const [name = '', schema, database] = [...parts].reverse();
  return {
    relname: name,
    ...(schema === undefined ? {} : { schemaname: schema }),
    ...(database === undefined ? {} : { catalogname: database }),
  };
}

function qualified(work: Work, parts: readonly string[]): string {
  if (parts.length > 1) return parts.slice(-2).join('.');
  const name = parts[0] ?? '';
  const home =
    work.schemas.find((schema) => work.snapshot.function(schema, name) !== null) ??
    homeSchema(work);
  return `${home}.${name}`;
}
