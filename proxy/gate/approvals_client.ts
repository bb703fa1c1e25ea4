/** Asks functions/approvals. What cannot be read is no answer: ERR_APPROVALS_UNAVAILABLE, and nothing runs. */
import * as v from 'valibot';
import type { RequestId } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import {
  type ApprovalsRequest,
  ApprovalsResponse,
  type RequestView,
} from '../../core/wire/approvals.ts';

export interface Approvals {
  /** Rejects with ERR_APPROVALS_UNAVAILABLE. Whether the operation took place is then unknown. */
  readonly call: (request: ApprovalsRequest) => Promise<ApprovalsResponse>;
  /** The requests that exist among those asked for. Rejects where the table cannot be read. */
  readonly read: (ids: readonly RequestId[]) => Promise<readonly RequestView[]>;
}

export interface ApprovalsTransport {
  readonly call: (request: ApprovalsRequest) => Promise<unknown>;
  readonly read: Approvals['read'];
}

export function makeApprovals(transport: ApprovalsTransport): Approvals {
  return {
    call: async (request) => {
      let answer: unknown;
      try {
        answer = await transport.call(request);
      } catch (cause) {
        // Network, throttling, a crash over there: the caller can only refuse.
        throw unavailable(`Cannot ${request.operation} an approval request`, cause);
      }
      const response = v.safeParse(ApprovalsResponse, answer);
      if (response.success) return response.output;
      const where = v.getDotPath(response.issues[0]) ?? 'the answer itself';
      throw unavailable(`Cannot read the answer to "${request.operation}" at ${where}`);
    },
    read: transport.read,
  };
}

function unavailable(message: string, cause?: unknown): GatewayError {
  return new GatewayError('ERR_APPROVALS_UNAVAILABLE', message, {
    hint: 'Nothing was run; try again, and tell the operators if it goes on',
    cause,
  });
}
