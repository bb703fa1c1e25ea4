/**
 * What the state machine invokes. Each step reads the truth from the table, so a repeated, late or lost
 * step is harmless. What a step returns stays in the execution's history: ids and numbers only.
 */
import * as v from 'valibot';
import { byClock, step } from '../../core/approval/machine.ts';
import {
  type ApprovalRequest,
  faceOf,
  isTerminal,
  viewOfRequest,
} from '../../core/approval/request.ts';
import { type EpochMs, RequestId } from '../../core/brand.ts';
import { assertNever, GatewayError } from '../../core/errors.ts';
import type { RequestView } from '../../core/wire/approvals.ts';
import type { ApprovalsDeps } from './deps.ts';
import type { Handles } from './store.ts';

type Card = NonNullable<Handles['card']>;

/** Where requests are announced: Slack, or whatever rings the door bell. */
export interface Notifier {
  readonly post: (request: RequestView) => Promise<Card>;
  readonly update: (card: Card, request: RequestView) => Promise<void>;
}

export interface StepDeps extends ApprovalsDeps {
  readonly notifier: Notifier;
}

const id = RequestId;
const StepEvent = v.variant('step', [
  v.object({ step: v.literal('notify'), id }),
  v.object({ step: v.literal('settle'), id }),
  v.object({ step: v.literal('expire'), id }),
  v.object({
    step: v.literal('wait'),
    id,
    face: v.string(),
    taskToken: v.pipe(v.string(), v.minLength(1), v.maxLength(1024)),
  }),
]);

export interface StepResult {
  readonly id: RequestId;
  /** What the card shows by now: a wait that finds another one ends at once. */
  readonly face: string;
  readonly waitSeconds: number;
  readonly finished: boolean;
}

/** Most seconds until a waiting execution looks at the table by itself, for short-lived requests. */
const CHECK_SECONDS = 60;
/** Most looks of one execution: Step Functions ends one after 25,000 history entries, a look takes 20. */
const CHECKS_MAX = 500;
/** How long a command may run before its outcome counts as unknown on the card. */
export const OUTCOME_SECONDS = 3_600;

export function makeStepHandler(deps: StepDeps): (event: unknown) => Promise<StepResult> {
  return async (event) => {
    const parsed = v.safeParse(StepEvent, event);
    if (!parsed.success) {
      throw new GatewayError('ERR_CONFIG_INVALID', 'Malformed step of the approval workflow', {
        hint: 'The state machine and this function must be deployed together',
      });
    }
    return run(deps, parsed.output);
  };
}

async function run(deps: StepDeps, event: v.InferOutput<typeof StepEvent>): Promise<StepResult> {
  switch (event.step) {
    case 'notify':
    case 'settle':
      return announce(deps, await byNow(deps, event.id));
    case 'expire':
      return resultOf(deps, await expire(deps, event.id));
    case 'wait':
      return wait(deps, event.id, event.face, event.taskToken);
    default:
      return assertNever(event);
  }
}

/** Stores the token, then looks: a change between the last card and this token would wake nobody. */
async function wait(
  deps: StepDeps,
  request: RequestId,
  face: string,
  token: string,
): Promise<StepResult> {
  await deps.store.keepTaskToken(request, token);
  const result = resultOf(deps, await byNow(deps, request));
  if (result.face !== face) await deps.workflow.complete(token, { id: request });
  return result;
}

/** The request as of this handler's clock, which is the one that decides. */
async function byNow(deps: StepDeps, request: RequestId): Promise<ApprovalRequest> {
  const result = await deps.store.advance(request, (before) =>
    step(before, { kind: 'tick' }, deps.now()),
  );
  if (result === null) {
    throw new GatewayError('ERR_NOT_FOUND', `There is no approval request ${request}`);
  }
  return result.request;
}

/** A command that ran without ever being heard of again is shown as such. */
async function expire(deps: StepDeps, request: RequestId): Promise<ApprovalRequest> {
  const now = await byNow(deps, request);
  if (now.status !== 'consumed' || now.outcome !== null) return now;
  if (deps.now() < outcomeDeadline(now)) return now;
  const result = await deps.store.advance(request, (before) =>
    before.outcome === null
      ? step(before, { kind: 'outcome', outcome: 'unknown' }, deps.now())
      : { request: before, refused: null },
  );
  return result?.request ?? now;
}

/** Posts the card, or brings it up to date. Without Slack the page still answers, and the next look tries again. */
async function announce(deps: StepDeps, request: ApprovalRequest): Promise<StepResult> {
  const view = viewOfRequest(request);
  const { card } = await deps.store.handles(request.id);
  try {
    if (card === null) {
      await deps.store.keepCard(request.id, await deps.notifier.post(view));
    } else {
      await deps.notifier.update(card, view);
    }
  } catch (error) {
    // A door bell that is broken must not hold up the door.
    deps.log.warn('approvals.card-failed', { id: request.id, error: String(error) });
  }
  return resultOf(deps, request);
}

function resultOf(deps: StepDeps, request: ApprovalRequest): StepResult {
  const { id: requestId, status, outcome } = request;
  const finished = isTerminal(status) && (status !== 'consumed' || outcome !== null);
  return {
    id: requestId,
    face: faceOf(request),
    waitSeconds: waitSeconds(request, deps.now()),
    finished,
  };
}

function waitSeconds(request: ApprovalRequest, now: EpochMs): number {
  const due = byClock(request, now);
  const end = due.status === 'consumed' ? outcomeDeadline(due) : due.expiresAt;
  const lifetime = (end - due.requestedAt) / 1000;
  const check = Math.max(CHECK_SECONDS, lifetime / CHECKS_MAX);
  return Math.max(1, Math.ceil(Math.min((end - now) / 1000, check)));
}

function outcomeDeadline(request: ApprovalRequest): number {
  return (request.decidedAt ?? request.requestedAt) + OUTCOME_SECONDS * 1000;
}
