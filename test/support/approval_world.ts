/** Everything functions/approvals is handed, on a real table, with a clock that the test turns. */
import { randomBytes } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Voter } from '../../core/approval/eligibility.ts';
import type { RequestId } from '../../core/brand.ts';
import type { OpenRequest } from '../../core/wire/approvals.ts';
import type { ApprovalsDeps, Log, Workflow } from '../../functions/approvals/deps.ts';
import { makeDirectory, putPerson } from '../../functions/approvals/directory.ts';
import { makeHandler } from '../../functions/approvals/handler.ts';
import { makeKeyKeyring } from '../../functions/approvals/seal.ts';
import { makeStore } from '../../functions/approvals/store.ts';
import { type Ballot, vote } from '../../functions/approvals/vote.ts';
import { at, NOW, nextRequestId, OPEN } from './approval_requests.ts';
import { TABLE } from './approval_table.ts';

export const PEOPLE: readonly Voter[] = [
  { subject: 'alice', email: 'alice@example.com', kind: 'human', groups: ['engineering', 'dba'] },
  { subject: 'bob', email: 'bob@example.com', kind: 'human', groups: ['dba', 'engineering'] },
  { subject: 'dave', email: 'dave@example.com', kind: 'human', groups: ['dba'] },
  { subject: 'carol', email: 'carol@example.com', kind: 'human', groups: ['security'] },
  { subject: 'ci-deploy', email: null, kind: 'machine', groups: ['dba'] },
];

export function collectLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const write = (event: string, fields?: Readonly<Record<string, unknown>>) => {
    lines.push(JSON.stringify({ event, ...fields }));
  };
  return { log: { info: write, warn: write, error: write }, lines };
}

export async function makeWorld(client: DynamoDBClient, workflow?: Workflow) {
  const clock = { ms: NOW as number };
  const { log, lines } = collectLog();
  const calls: string[] = [];
  const deps: ApprovalsDeps = {
    now: () => at(clock.ms),
    store: makeStore(client, TABLE),
    directory: makeDirectory(client, TABLE),
    keyring: makeKeyKeyring(new Uint8Array(randomBytes(32))),
    log,
    workflow: workflow ?? {
      start: async (id) => {
        calls.push(`start ${id}`);
        return Promise.resolve();
      },
      complete: async (token) => {
        calls.push(`complete ${token}`);
        return Promise.resolve();
      },
    },
  };
  for (const person of PEOPLE) await putPerson(client, TABLE, person);
  const handle = makeHandler(deps);
  return {
    deps,
    clock,
    lines,
    calls,
    handle,
    open: async (change: Partial<OpenRequest> = {}): Promise<RequestId> => {
      const id = nextRequestId();
      const answer = await handle({ ...OPEN, id, ...change });
      if (answer.result !== 'done') throw new Error(answer.message);
      return id;
    },
    vote: async (id: RequestId, subject: string, change: Partial<Ballot> = {}) => {
      const ballot = { id, subject, answer: 'approve', reason: '', via: 'page' } as const;
      const answer = await vote(deps, { ...ballot, ...change });
      return answer.result === 'done' ? (answer.request?.status ?? 'done') : answer.reason;
    },
    consume: async (id: RequestId, change: object = {}) => {
      const { session, command, binding } = OPEN;
      const answer = await handle({
        operation: 'consume',
        id,
        session,
        command,
        binding,
        ...change,
      });
      return answer.result === 'done' ? (answer.request?.status ?? 'done') : answer.reason;
    },
  };
}
