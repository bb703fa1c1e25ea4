/**
 * What the proxy may do to approval requests: open, renew, withdraw, consume, report. It cannot vote.
 * This function's clock decides what is late, never the proxy's.
 */
import * as v from 'valibot';
import { opened, type Refused } from '../../core/approval/machine.ts';
import { viewOfRequest } from '../../core/approval/request.ts';
import { assertNever, GatewayError } from '../../core/errors.ts';
import {
  ApprovalsRequest,
  type ApprovalsResponse,
  type OpenRequest,
} from '../../core/wire/approvals.ts';
import { advance } from './advance.ts';
import type { ApprovalsDeps } from './deps.ts';
import { type Env, makeDepsOf, variable } from './lambda_env.ts';
import { sealStatement } from './seal.ts';

export function makeHandler(deps: ApprovalsDeps): (event: unknown) => Promise<ApprovalsResponse> {
  return async (event) => {
    const parsed = v.safeParse(ApprovalsRequest, event);
    if (!parsed.success) {
      // Only where and what kind: an issue's message would quote the statement into the logs.
      const where = parsed.issues.map(
        (issue) => `${v.getDotPath(issue) ?? '(root)'}: ${issue.type}`,
      );
      throw new GatewayError(
        'ERR_CONFIG_INVALID',
        `Malformed approvals request: ${where.join(', ')}`,
      );
    }
    return answer(deps, parsed.output);
  };
}

async function answer(deps: ApprovalsDeps, request: ApprovalsRequest): Promise<ApprovalsResponse> {
  switch (request.operation) {
    case 'open':
      return open(deps, request);
    case 'renew':
      // One that has ended is no error here: the proxy reads the requests it waits for anyway.
      await Promise.all(request.ids.map(async (id) => advance(deps, id, { kind: 'renew' })));
      return { result: 'done', request: null };
    case 'withdraw':
      return advance(deps, request.id, { kind: 'withdraw', reason: request.reason });
    case 'consume': {
      const { id, session, command, binding } = request;
      return advance(deps, id, { kind: 'consume', session, command, binding });
    }
    case 'outcome':
      return advance(deps, request.id, { kind: 'outcome', outcome: request.outcome });
    default:
      return assertNever(request);
  }
}

async function open(deps: ApprovalsDeps, request: OpenRequest): Promise<ApprovalsResponse> {
  const fresh = opened(request, deps.now());
  const sealed = await sealStatement(deps.keyring, request.id, request.statement);
  const result = await deps.store.open(fresh, sealed);
  if (result === 'too-large') {
    return refuse('too-large', 'The statement is too large to be held: split it');
  }
  const stored = result === 'opened' ? fresh : await deps.store.read(request.id);
  if (stored?.binding !== fresh.binding || stored.session !== fresh.session) {
    return refuse('different-statement', `The id ${request.id} is taken by another request`);
  }
  try {
    await deps.workflow.start(request.id, { Payload: { id: request.id } });
  } catch (error) {
    // The request stands: the page and the command line can answer it, and its lease ends it.
    deps.log.error('approvals.workflow-not-started', { id: request.id, error: String(error) });
  }
  return { result: 'done', request: viewOfRequest(stored) };
}

function refuse(reason: Refused['reason'], message: string): ApprovalsResponse {
  return { result: 'refused', reason, message };
}

/** Built by the first event, and once: importing this file does nothing. */
let handle: ReturnType<typeof makeHandler> | undefined;

/** The Lambda's entry. */
export async function handler(event: unknown): Promise<ApprovalsResponse> {
  handle ??= makeHandler(makeDeps(process.env));
  return handle(event);
}

export function makeDeps(env: Env): ApprovalsDeps {
  return makeDepsOf(env, variable(env, 'SEAL_KEY_ID'));
}
