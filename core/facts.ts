/**
 * What a classifier learned of a command, in a shape that every protocol shares.
 * Facts are closed: what a classifier cannot read makes the command opaque, it never guesses.
 * Facts hold names, never values: two commands that differ in literals only have equal facts.
 */
import * as v from 'valibot';

/** What is done to an object. Each verb is a Cedar action of the same name. */
export const Verb = v.picklist([
  'read',
  'insert',
  'update',
  'delete',
  'truncate',
  'create',
  'alter',
  'drop',
  'grant',
  'lock',
  'maintain',
  'call',
  'set',
  'assume',
  'transact',
  'explain',
  'copy-in',
  'copy-out',
  'notify',
]);
export type Verb = v.InferOutput<typeof Verb>;

/**
 * The kinds of things that commands touch; each is a Cedar entity type.
 * `name` is canonical: `schema.relation`, `schema.function`, a role, a setting, and for `target` the
 * target's own name. A relation that the catalog does not know never appears: see `Facts.unknown`.
 */
export const ObjectKind = v.picklist([
  'target',
  'schema',
  'relation',
  'function',
  'role',
  'setting',
]);
export type ObjectKind = v.InferOutput<typeof ObjectKind>;

export const Access = v.strictObject({
  verb: Verb,
  kind: ObjectKind,
  name: v.string(),
  /** Columns read or written, sorted; null means all of them, or a kind without columns. */
  columns: v.nullable(v.pipe(v.array(v.string()), v.readonly())),
  /**
   * For update and delete: a WHERE that reads a column of the changed relation and is not provably
   * constant. True for every other verb.
   */
  bounded: v.boolean(),
});
export type Access = v.InferOutput<typeof Access>;

export const Facts = v.strictObject({
  /** The statement's kind as its grammar names it, `SELECT`, `DROP TABLE`; `;`-joined for several. */
  tag: v.pipe(v.string(), v.maxLength(200)),
  /** Every (verb, object) pair, in order of appearance, without duplicates. May be empty. */
  accesses: v.pipe(v.array(Access), v.readonly()),
  /** Why the command's effect cannot be known from its text; null when it can. */
  opaque: v.nullable(v.string()),
  /** Relations and types that the catalog does not hold, as written. Such a command is refused. */
  unknown: v.pipe(v.array(v.string()), v.readonly()),
  /** Masked columns (`schema.relation.column`) whose value decides something other than an output. */
  predicates: v.pipe(v.array(v.string()), v.readonly()),
});
export type Facts = v.InferOutput<typeof Facts>;

/** True where every update and delete of the command is bounded. */
export function isBounded(facts: Facts): boolean {
  return facts.accesses.every((access) => access.bounded);
}

/** The distinct verbs of a command, in order of appearance. */
export function verbsOf(facts: Facts): readonly Verb[] {
  return [...new Set(facts.accesses.map((access) => access.verb))];
}

/** The distinct objects of a command, `schema.relation` and the like, in order of appearance. */
export function objectsOf(facts: Facts): readonly string[] {
  return [...new Set(facts.accesses.map((access) => access.name))];
}
