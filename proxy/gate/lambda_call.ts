/**
 * Lambda as a carrier of questions: bytes there, JSON back. Retries only where asking twice is harmless,
 * so the clients that are handed in must not retry by themselves: `maxAttempts: 1`.
 */
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { ApprovalsRequest } from '../../core/wire/approvals.ts';
import type { DecideCall } from './decide_client.ts';

/** A first attempt that takes longer sits on a dead connection or a cold start: a second one may not. */
export const FIRST_ATTEMPT_MS = 500;
/** Opening a request writes, starts a workflow and posts a card. */
export const APPROVALS_DEADLINE_MS = 10_000;

/** A judgement is a pure function, so it may be asked for twice. The caller's signal bounds both. */
export function callDecideLambda(client: LambdaClient, functionName: string): DecideCall {
  return async (request, signal) => {
    const first = AbortSignal.any([signal, AbortSignal.timeout(FIRST_ATTEMPT_MS)]);
    try {
      return await invoke(client, functionName, request, first);
    } catch (error) {
      // Out of time altogether: the caller has already refused.
      if (signal.aborted) throw error;
      return invoke(client, functionName, request, signal);
    }
  };
}

/** Once only: `consume` must not be sent twice by anything but the caller. */
export function callApprovalsLambda(
  client: LambdaClient,
  functionName: string,
): (request: ApprovalsRequest) => Promise<unknown> {
  return (request) =>
    invoke(client, functionName, request, AbortSignal.timeout(APPROVALS_DEADLINE_MS));
}

async function invoke(
  client: LambdaClient,
  functionName: string,
  event: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const answer = await client.send(
    new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(event) }),
    { abortSignal: signal },
  );
  if (answer.FunctionError !== undefined) {
    // The payload of a failure may quote the event: it stays out of the message.
    throw new Error(`${functionName} failed: ${answer.FunctionError}`);
  }
  return JSON.parse(answer.Payload?.transformToString() ?? 'null');
}
