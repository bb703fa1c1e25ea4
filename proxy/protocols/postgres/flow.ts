/** What a value may have been made from: the unit of lineage. */
import type { OutputSource } from './statement.ts';

export interface Flow {
  /** `schema.relation.column`, and `schema.relation.*` where a whole row went in. */
  readonly columns: ReadonlySet<string>;
  /** True where something unknown went in: then any column may be in it. */
  readonly unsure: boolean;
}

/** Of constants, `count(*)` and the like. */
export const CLEAN: Flow = { columns: new Set(), unsure: false };

/** Of what the resolver cannot prove. */
export const UNSURE: Flow = { columns: new Set(), unsure: true };

export function flowOf(...columns: readonly string[]): Flow {
  return { columns: new Set(columns), unsure: false };
}

export function union(left: Flow, right: Flow): Flow {
  if (left === CLEAN || left === right) return right;
  if (right === CLEAN) return left;
  return {
    columns: left.columns.union(right.columns),
    unsure: left.unsure || right.unsure,
  };
}

export function unionOf(flows: Iterable<Flow>): Flow {
  let all = CLEAN;
  for (const flow of flows) all = union(all, flow);
  return all;
}

export function sameFlow(left: Flow, right: Flow): boolean {
  return (
    left.unsure === right.unsure &&
    left.columns.size === right.columns.size &&
    left.columns.isSubsetOf(right.columns)
  );
}

export function outputSource(flow: Flow): OutputSource {
  return { columns: [...flow.columns].sort(), unsure: flow.unsure };
}
