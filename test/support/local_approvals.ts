/** The approvals of one machine as `npm start` composes them, on a table in memory and a port of the system's. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { OpenRequest } from '../../core/wire/approvals.ts';
import { type LocalApprovalsOptions, startApprovals } from '../../local/approvals.ts';
import { at, nextRequestId, OPEN } from './approval_requests.ts';
import { startTable, TABLE } from './approval_table.ts';
import { collectLog, PEOPLE } from './approval_world.ts';

export async function startLocalApprovals(
  change: Partial<Pick<LocalApprovalsOptions, 'subjectOf'>> = {},
) {
  const table = await startTable();
  const directory = mkdtempSync(path.join(tmpdir(), 'sallyport-approvals-'));
  const { log, lines } = collectLog();
  const approvals = await startApprovals({
    now: () => at(Date.now()),
    log,
    dynamodb: table.client,
    table: TABLE,
    directory,
    pagePort: 0,
    people: PEOPLE,
    // A token here is the subject's name: whether tokens are good is tested with the verifier.
    subjectOf: (token) => Promise.resolve(PEOPLE.some((p) => p.subject === token) ? token : null),
    env: {},
    ...change,
  });
  return {
    ...approvals,
    url: approvals.page.url,
    lines,
    open: async (change: Partial<OpenRequest> = {}) => {
      const id = nextRequestId();
      const answer = await approvals.handler({ ...OPEN, id, ...change });
      if (answer.result !== 'done') throw new Error(answer.message);
      return id;
    },
    status: async (id: Awaited<ReturnType<typeof nextRequestId>>) =>
      (await approvals.deps.store.read(id))?.status,
    close: async () => {
      await approvals.close();
      await table.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
