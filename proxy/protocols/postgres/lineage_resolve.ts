/** From names as written to what the catalog holds, as the server would look them up. */
import { as, type Node, type NodeOf, partsOf } from './ast.ts';
import type { FunctionEntry, Relation } from './catalog_snapshot.ts';
import { isHarmlessBuiltin } from './functions.ts';
import { access, opaque, type Work } from './work.ts';

/** The relation; null, and noted as unknown, where the catalog has none of that name. */
export function relationNamed(work: Work, range: NodeOf<'RangeVar'>): Relation | null {
  const name = range.relname ?? '';
  const written = [range.catalogname, range.schemaname, name].filter((part) => part !== undefined);
  const elsewhere = range.catalogname !== undefined && range.catalogname !== work.database;
  const schemas = range.schemaname === undefined ? work.schemas : [range.schemaname];
  if (!elsewhere) {
    for (const schema of schemas) {
      const relation = work.snapshot.relation(schema, name);
      if (relation !== null) return relation;
    }
  }
  work.found.unknown.add(written.join('.'));
  return null;
}

/**
 * What a call may run. The server takes the best match of all functions of that name in the search path,
 * whichever schema comes first, so a user's overload is never passed over for a builtin.
 */
function candidates(work: Work, funcname: readonly Node[]): readonly FunctionEntry[] {
  const parts = partsOf(funcname);
  const name = parts.at(-1) ?? '';
  const schemas = parts.length > 1 ? [parts.at(-2) ?? ''] : work.schemas;
  return schemas.flatMap((schema) => work.snapshot.function(schema, name) ?? []);
}

/** The one function it must be; null where there is none, or a choice. */
export function functionEntry(work: Work, funcname: readonly Node[]): FunctionEntry | null {
  const [only, other] = candidates(work, funcname);
  return other === undefined ? (only ?? null) : null;
}

/** Where an unqualified new object goes: the first schema of the path that exists. */
export function homeSchema(work: Work): string {
  const isHome = (schema: string) => schema !== 'pg_catalog' && work.snapshot.schemas.has(schema);
  return work.schemas.find(isHome) ?? 'public';
}

/** Notes the call. True where its result is made of its arguments and nothing else. */
export function callFunction(work: Work, funcname: readonly Node[]): boolean {
  const found = candidates(work, funcname);
  const written = partsOf(funcname);
  if (found.length === 0) {
    const name =
      written.length > 1 ? written.slice(-2).join('.') : `${homeSchema(work)}.${written[0] ?? ''}`;
    access(work, 'call', 'function', name);
    opaque(work, `It calls the function ${name}, which the catalog does not hold`);
    return false;
  }
  let harmless = true;
  for (const entry of found) {
    if (isHarmlessBuiltin(entry)) continue;
    const name = `${entry.schema}.${entry.name}`;
    access(work, 'call', 'function', name);
    if (work.safeFunctions.has(name)) continue;
    harmless = false;
    opaque(work, `It calls the function ${name}, which is not known to be harmless`);
  }
  return harmless;
}

/** Operators of pg_catalog are harmless; one that a user made may call any function. */
export function useOperator(work: Work, name: readonly Node[] | undefined): void {
  const parts = partsOf(name);
  const operator = parts.at(-1) ?? '';
  for (const entry of work.snapshot.operatorsNamed(operator)) {
    const visible =
      parts.length > 1 ? entry.schema === parts.at(-2) : work.schemas.includes(entry.schema);
    if (!visible || entry.harmless) continue;
    opaque(
      work,
      `It uses the operator ${entry.schema}.${operator}, which is not known to be harmless`,
    );
  }
}

/** An operator that the grammar means without writing it: the `=` of USING and of CASE, those of BETWEEN. */
export function useImplied(work: Work, ...operators: readonly string[]): void {
  for (const sval of operators) useOperator(work, [{ String: { sval } }]);
}

/** Notes a type that the catalog does not hold. */
export function useType(work: Work, type: NodeOf<'TypeName'> | undefined): void {
  const parts = partsOf(type?.names);
  const name = parts.at(-1) ?? '';
  if (name === '') return;
  const schemas = parts.length > 1 ? [parts.at(-2) ?? ''] : work.schemas;
  const known = schemas.some(
    (schema) =>
      work.snapshot.hasType(schema, name) || work.snapshot.relation(schema, name) !== null,
  );
  if (!known) work.found.unknown.add(parts.join('.'));
  for (const modifier of type?.typmods ?? []) {
    const location = as('A_Const', modifier)?.location;
    if (location !== undefined) work.found.plainLiterals.add(location);
  }
}
