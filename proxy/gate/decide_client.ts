/**
 * Asks functions/decide. Whatever comes back that is not a decision, in time, is no decision: callers
 * get ERR_DECIDE_UNAVAILABLE and refuse. It never makes an answer up.
 */
import * as v from 'valibot';
import { GatewayError } from '../../core/errors.ts';
import { type DecideRequest, DecideResponse } from '../../core/wire/decide.ts';
import { withDeadline } from './deadline.ts';

/** The longest that a client waits for a judgement: a cold start takes a third to half a second. */
export const DECIDE_DEADLINE_MS = 2_000;

/** Carries the question there and the answer back, unread. Rejects where it cannot. */
export type DecideCall = (request: DecideRequest, signal: AbortSignal) => Promise<unknown>;

export type Decide = (request: DecideRequest) => Promise<DecideResponse>;

export function makeDecideClient(
  call: DecideCall,
  deadlineMs: number = DECIDE_DEADLINE_MS,
): Decide {
  return async (request) => {
    const answer = await ask(call, request, deadlineMs);
    const decision = v.safeParse(DecideResponse, answer);
    if (decision.success) return decision.output;
    // Where it is wrong, never what it said: it goes to the log.
    const where = v.getDotPath(decision.issues[0]) ?? 'the answer itself';
    throw unavailable(`Cannot read the decision at ${where}`);
  };
}

async function ask(call: DecideCall, request: DecideRequest, deadlineMs: number): Promise<unknown> {
  const late = () => unavailable(`No decision within ${deadlineMs} ms`);
  try {
    return await withDeadline((signal) => call(request, signal), deadlineMs, late);
  } catch (cause) {
    // Every way to fail is one to the caller: there is no decision.
    if (cause instanceof GatewayError && cause.code === 'ERR_DECIDE_UNAVAILABLE') throw cause;
    throw unavailable('Cannot reach the policy service', cause);
  }
}

function unavailable(message: string, cause?: unknown): GatewayError {
  return new GatewayError('ERR_DECIDE_UNAVAILABLE', message, {
    hint: 'Nothing was run; try again, and tell the operators if it goes on',
    cause,
  });
}

/** The handler in this process: local mode, and targets with `evaluation: 'local'`. */
export function callInProcess(handler: (event: unknown) => Promise<unknown>): DecideCall {
  // Through JSON, as everything that a Lambda gets and gives: what works here works there.
  return async (request) => JSON.parse(JSON.stringify(await handler(throughJson(request))));
}

function throughJson(request: DecideRequest): unknown {
  return JSON.parse(JSON.stringify(request));
}
