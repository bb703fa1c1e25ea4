/** The page's JSON for the command line: a development token says who asks, and nothing else does. */
import * as v from 'valibot';
import { viewOfRequest } from '../../core/approval/request.ts';
import { RequestId } from '../../core/brand.ts';
import type { ApprovalsResponse } from '../../core/wire/approvals.ts';
import type { ApprovalsDeps } from '../../functions/approvals/deps.ts';
import { viewStatement, vote } from '../../functions/approvals/vote.ts';
import { type Answer, json, type PageRequest } from './http.ts';

export interface ApiDeps {
  readonly approvals: ApprovalsDeps;
  /** The subject of a good token; null for any other. */
  readonly subjectOf: (token: string) => Promise<string | null>;
}

const VoteBody = v.strictObject({
  answer: v.picklist(['approve', 'deny']),
  reason: v.optional(v.string(), ''),
});

/**
 * GET /api/approvals · GET /api/approvals/ID · POST /api/approvals/ID/vote {answer, reason} ·
 * POST /api/approvals/ID/statement
 */
export async function api(deps: ApiDeps, request: PageRequest): Promise<Answer> {
  const token = /^Bearer ([\w.-]+)$/.exec(request.headers.authorization ?? '')?.[1];
  const subject = token === undefined ? null : await deps.subjectOf(token);
  if (subject === null) return json(401, { message: 'Sign in with a development token' });
  const [, , , id, verb] = request.path.split('/');
  if (id === undefined) {
    const requests = await deps.approvals.store.list();
    return json(200, { requests: requests.map(viewOfRequest) });
  }
  const known = v.safeParse(RequestId, id);
  if (!known.success) return json(404, { message: `"${id}" is not the id of a request` });
  return one(deps, request, { id: known.output, verb, subject });
}

async function one(
  deps: ApiDeps,
  request: PageRequest,
  { id, verb, subject }: { id: RequestId; verb: string | undefined; subject: string },
): Promise<Answer> {
  if (verb === undefined && request.method === 'GET') {
    const found = await deps.approvals.store.read(id);
    if (found === null) return json(404, { message: `There is no request ${id}` });
    return json(200, { request: viewOfRequest(found) });
  }
  if (request.method !== 'POST') return json(405, { message: 'Cannot do that' });
  if (verb === 'statement') {
    const viewed = await viewStatement(deps.approvals, id, subject);
    return json(viewed.result === 'refused' ? 409 : 200, viewed);
  }
  if (verb !== 'vote') return json(404, { message: 'There is nothing here' });
  const body = v.safeParse(v.pipe(v.string(), v.parseJson(), VoteBody), request.body);
  if (!body.success) return json(400, { message: 'Send {"answer": "approve" | "deny", "reason"}' });
  const answered = await vote(deps.approvals, { id, subject, ...body.output, via: 'cli' });
  return json(statusOf(answered), answered);
}

function statusOf(answered: ApprovalsResponse): number {
  if (answered.result === 'done') return 200;
  return answered.reason === 'unknown-request' ? 404 : 409;
}
