/**
 * What the walkers of one message find. One record is handed down through all of them; it only grows.
 */
import type { ObjectKind, Verb } from '../../../core/facts.ts';
import type { Snapshot } from './catalog_snapshot.ts';
import type { Flow } from './flow.ts';
import type { Lineage } from './lineage_relations.ts';
import type { ContextChange, MaskedWrite } from './statement.ts';

/** Everything the walkers may look at. */
export interface Surroundings {
  readonly snapshot: Snapshot;
  readonly lineage: Lineage;
  /** What the target is called: the object of `transact`. */
  readonly target: string;
  readonly database: string;
  /** Where unqualified names are looked up, in order. */
  readonly schemas: readonly string[];
  readonly masked: ReadonlySet<string>;
  readonly safeFunctions: ReadonlySet<string>;
}

interface FoundAccess {
  readonly verb: Verb;
  readonly kind: ObjectKind;
  readonly name: string;
  columns: Set<string> | null;
  bounded: boolean;
}

export interface Findings {
  readonly accesses: Map<string, FoundAccess>;
  /** Why each opaque thing is opaque, in order of appearance. */
  readonly opaque: string[];
  readonly unknown: Set<string>;
  readonly predicates: Set<string>;
  readonly changes: ContextChange[];
  readonly writes: MaskedWrite[];
  /** True once a masked column was read, written or decided by; or may have been. */
  touchesMasked: boolean;
  /** True where a secret may stand in the text although no masked column is touched. */
  holdsSecret: boolean;
  /** Byte offsets of literals that are proven to belong to no masked column. */
  readonly plainLiterals: Set<number>;
  /** The same for parameters; and every parameter, by the place it stands at. */
  readonly plainParameters: Set<number>;
  readonly parameters: Map<number, number>;
}

export interface Work extends Surroundings {
  readonly found: Findings;
  /** Shared by all walkers of one message, and by the views that it reads. */
  readonly budget: { left: number };
}

/**
 * Expressions that are looked at for one message. A recursive query is walked until its flows stand
 * still, so nested ones multiply; 1 MB of plain SQL stays below a third of this.
 */
export const EXPRESSIONS_MAX = 1_000_000;

/** Thrown by the walkers, caught by the classifier: the message is unreadable. */
export class TooComplex extends Error {}

export function spend(work: Work): void {
  work.budget.left -= 1;
  if (work.budget.left < 0) throw new TooComplex('The statement is too complex to be read');
}

export function newFindings(): Findings {
  return {
    accesses: new Map(),
    opaque: [],
    unknown: new Set(),
    predicates: new Set(),
    changes: [],
    writes: [],
    touchesMasked: false,
    holdsSecret: false,
    plainLiterals: new Set(),
    plainParameters: new Set(),
    parameters: new Map(),
  };
}

/** The same surroundings, with findings that nobody will look at. */
export function scratch(work: Work): Work {
  return { ...work, found: newFindings() };
}

export function access(
  work: Work,
  verb: Verb,
  kind: ObjectKind,
  name: string,
  options: { columns?: readonly string[] | null; bounded?: boolean } = {},
): void {
  const { columns = null, bounded = true } = options;
  const key = `${verb}\0${kind}\0${name}`;
  const known = work.found.accesses.get(key);
  if (known === undefined) {
    const own = columns === null ? null : new Set(columns);
    work.found.accesses.set(key, { verb, kind, name, columns: own, bounded });
    return;
  }
  known.bounded &&= bounded;
  known.columns = columns === null ? null : (known.columns?.union(new Set(columns)) ?? null);
}

export function opaque(work: Work, why: string): void {
  work.found.opaque.push(why);
}

/** Notes that a value decides which rows, in what order, or what is stored. */
export function decides(work: Work, flow: Flow): void {
  for (const column of flow.columns) if (work.masked.has(column)) work.found.predicates.add(column);
  touches(work, flow);
}

export function touches(work: Work, flow: Flow): void {
  if (isTainted(work, flow)) work.found.touchesMasked = true;
}

/** True where a masked column is in it, or may be. */
export function isTainted(work: Work, flow: Flow): boolean {
  if (flow.unsure) return work.masked.size > 0;
  for (const column of flow.columns) if (work.masked.has(column)) return true;
  return false;
}
