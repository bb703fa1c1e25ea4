/** Plans for results: what the description, the lineage and the obligations say together. */
import { type ColumnDescription, decodeRowDescription } from './codec_backend.ts';
import { planRows, type RowPlan } from './rewrite_plan.ts';
import type { Running, SessionState } from './session_state.ts';

/** Plans from a RowDescription frame; null where it is malformed. */
export function planFrame(
  state: SessionState,
  running: Running,
  frame: Buffer,
): { columns: readonly ColumnDescription[]; plan: RowPlan } | null {
  const memo = state.planMemo;
  if (
    memo !== null &&
    memo.classified === running.classified &&
    memo.statement === running.statement &&
    memo.obligations === running.obligations &&
    memo.catalog === state.catalog &&
    running.descriptions === 0 &&
    memo.bytes.equals(frame)
  ) {
    return memo;
  }
  const columns = decodeRowDescription(frame);
  if (columns === null) return null;
  const plan = planFor(state, running, columns);
  if (running.descriptions === 0) {
    const { classified, statement, obligations } = running;
    const bytes = Buffer.from(frame);
    const { catalog } = state;
    state.planMemo = { bytes, classified, statement, obligations, catalog, columns, plan };
  }
  return { columns, plan };
}

export function planFor(
  state: SessionState,
  running: Running,
  columns: readonly ColumnDescription[],
): RowPlan {
  const statement = running.classified.statements[running.statement];
  return planRows({
    columns,
    catalog: state.catalog,
    // A second description within one statement is a rule's: the text says nothing of it.
    outputs: running.descriptions === 0 ? (statement?.outputs ?? null) : null,
    obligations: running.obligations,
    maskAll: (statement?.tag.startsWith('EXPLAIN') ?? true) && running.classified.touchesMasked,
  });
}
