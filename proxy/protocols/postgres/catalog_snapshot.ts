/** What is known of one database at one moment, and how names are found in it. Plain data, no I/O. */

/** pg_class.relkind. */
export type RelationKind = 'r' | 'p' | 'v' | 'm' | 'f' | 'S' | 'c' | 'i' | 'I' | 't';

export interface Column {
  /** pg_attribute.attnum: from 1, with gaps where columns were dropped. */
  readonly number: number;
  readonly name: string;
  readonly notNull: boolean;
  /** The expression of a generated column, names unqualified within its own row; null for any other. */
  readonly generated: string | null;
}

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  readonly columns: readonly Column[];
  /** pg_get_viewdef with every name qualified; null for what is not a view or materialized view. */
  readonly definition: string | null;
  /** OIDs of the tables it inherits from, or is a partition of. */
  readonly parents: readonly number[];
}

export interface FunctionEntry {
  readonly schema: string;
  readonly name: string;
  /** pg_proc.provolatile: immutable, stable or volatile, the worst of all overloads. */
  readonly volatility: 'i' | 's' | 'v';
  /** True where all overloads came with the server. */
  readonly builtin: boolean;
  /**
   * The columns it has in a FROM clause; [] where it has one, named after itself or its alias; null
   * where overloads differ or the text has to say (`record`).
   */
  readonly columns: readonly string[] | null;
}

export interface OperatorEntry {
  readonly schema: string;
  readonly name: string;
  /** True where an immutable function of an extension stands behind it. */
  readonly harmless: boolean;
}

export interface SnapshotRows {
  readonly relations: readonly Relation[];
  readonly functions: readonly FunctionEntry[];
  /** Operators outside pg_catalog alone. */
  readonly operators: readonly OperatorEntry[];
  /** `schema.type` of every type outside pg_catalog that is not a relation's row type. */
  readonly types: readonly string[];
  readonly schemas: readonly string[];
  /** Names of all sessions' temporary relations: whose they are cannot be told. */
  readonly temporary: readonly string[];
}

export interface Snapshot {
  readonly schemas: ReadonlySet<string>;
  /** True where a session has a temporary relation of that name, which would come first. */
  readonly isShadowed: (name: string) => boolean;
  readonly relation: (schema: string, name: string) => Relation | null;
  readonly relationByOid: (oid: number) => Relation | null;
  readonly function: (schema: string, name: string) => FunctionEntry | null;
  /** Every function of that name, in any schema. */
  readonly functionsNamed: (name: string) => readonly FunctionEntry[];
  readonly operatorsNamed: (name: string) => readonly OperatorEntry[];
  readonly hasType: (schema: string, name: string) => boolean;
  /** The relation, and all that inherit from it or that it inherits from, at any distance. */
  readonly family: (relation: Relation) => readonly Relation[];
}

export function makeSnapshot(rows: SnapshotRows): Snapshot {
  const byOid = new Map(rows.relations.map((relation) => [relation.oid, relation]));
  const byName = new Map(rows.relations.map((r) => [`${r.schema}.${r.name}`, r]));
  const functions = new Map(rows.functions.map((f) => [`${f.schema}.${f.name}`, f]));
  const functionsNamed = Map.groupBy(rows.functions, (entry) => entry.name);
  const operatorsNamed = Map.groupBy(rows.operators, (entry) => entry.name);
  const types = new Set(rows.types);
  const temporary = new Set(rows.temporary);
  const children = new Map<number, number[]>();
  for (const relation of rows.relations) {
    for (const parent of relation.parents) {
      children.set(parent, [...(children.get(parent) ?? []), relation.oid]);
    }
  }
  const reach = (start: Relation, next: (oid: number) => readonly number[]) => {
    const found = new Set<number>();
    const waiting = [...next(start.oid)];
    for (let oid = waiting.pop(); oid !== undefined; oid = waiting.pop()) {
      if (found.has(oid)) continue;
      found.add(oid);
      waiting.push(...next(oid));
    }
    return found;
  };
  return {
    schemas: new Set(rows.schemas),
    isShadowed: (name) => temporary.has(name),
    relation: (schema, name) => byName.get(`${schema}.${name}`) ?? null,
    relationByOid: (oid) => byOid.get(oid) ?? null,
    function: (schema, name) => functions.get(`${schema}.${name}`) ?? null,
    functionsNamed: (name) => functionsNamed.get(name) ?? [],
    operatorsNamed: (name) => operatorsNamed.get(name) ?? [],
    hasType: (schema, name) => types.has(`${schema}.${name}`),
    family: (relation) => {
      const up = reach(relation, (oid) => byOid.get(oid)?.parents ?? []);
      const down = reach(relation, (oid) => children.get(oid) ?? []);
      const others = [...up.union(down)].flatMap((oid) => byOid.get(oid) ?? []);
      return [relation, ...others.filter((other) => other.oid !== relation.oid)];
    },
  };
}

/**
 * The schemas that an unqualified name is looked up in, in order (PostgreSQL manual, 5.10.3): pg_catalog
 * comes first unless the path itself names it. Entries are as SHOW search_path prints them.
 */
export function schemasOf(searchPath: readonly string[], role: string): readonly string[] {
  const named = searchPath.map((entry) => {
    const name = /^".*"$/.test(entry) ? entry.slice(1, -1).replaceAll('""', '"') : entry;
    return name === '$user' ? role : name;
  });
  return named.includes('pg_catalog') ? named : ['pg_catalog', ...named];
}

/**
 * OIDs from here on belong to what users made (FirstNormalObjectId, access/transam.h). Schemas tell less:
 * a superuser may put a view into information_schema.
 */
export const FIRST_USER_OID = 16384;

/** Names that every relation answers to besides its own columns (PostgreSQL manual, 5.6). */
export const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  'tableoid',
  'xmin',
  'cmin',
  'xmax',
  'cmax',
  'ctid',
]);
