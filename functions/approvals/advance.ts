/** One event on one request: stored by one conditional write first, told to the workflow after. */
import { type ApprovalEvent, step } from '../../core/approval/machine.ts';
import { type ApprovalRequest, viewOfRequest } from '../../core/approval/request.ts';
import type { RequestId } from '../../core/brand.ts';
import type { ApprovalsResponse } from '../../core/wire/approvals.ts';
import type { ApprovalsDeps } from './deps.ts';

/** Milliseconds that a caller waits for the workflow to hear of a change. It hears of it later anyway. */
const NUDGE_MS = 1_000;

export async function advance(
  deps: ApprovalsDeps,
  id: RequestId,
  event: ApprovalEvent,
): Promise<ApprovalsResponse> {
  let seen: ApprovalRequest | null = null;
  const result = await deps.store.advance(id, (request) => {
    seen = request;
    return step(request, event, deps.now());
  });
  if (result === null) return unknownRequest(id);
  if (result.changed && isVisibleChange(seen, result.request)) await nudge(deps, id);
  if (result.refused !== null) return { result: 'refused', ...result.refused };
  return { result: 'done', request: viewOfRequest(result.request) };
}

export function unknownRequest(id: RequestId): ApprovalsResponse {
  return { result: 'refused', reason: 'unknown-request', message: `There is no request ${id}` };
}

/** A renewed lease moves nothing that a card shows. */
function isVisibleChange(before: ApprovalRequest | null, after: ApprovalRequest): boolean {
  return (
    before === null ||
    before.status !== after.status ||
    before.votes.length !== after.votes.length ||
    before.outcome !== after.outcome
  );
}

/** Wakes the workflow, so that the card follows. Its failure changes no answer: the wait ends by itself. */
async function nudge(deps: ApprovalsDeps, id: RequestId): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${NUDGE_MS} ms`)), NUDGE_MS);
  });
  const tell = async () => {
    const { taskToken } = await deps.store.handles(id);
    if (taskToken !== null) await deps.workflow.complete(taskToken, { id });
  };
  try {
    await Promise.race([tell(), late]);
  } catch (error) {
    // The decision is stored: a workflow that is down only makes the card late.
    deps.log.warn('approvals.nudge-failed', { id, error: String(error) });
  } finally {
    clearTimeout(timer);
  }
}
