/** The deployed definition, run by a local engine on a real table: approve, deny, expire, withdraw, restart. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RequestId } from '../../core/brand.ts';
import type { OpenRequest, RequestView } from '../../core/wire/approvals.ts';
import { makeStepHandler, type Notifier } from '../../functions/approvals/workflow_steps.ts';
import { makeLocalWorkflow } from '../../local/workflow.ts';
import { ASK, NOW, OPEN } from '../support/approval_requests.ts';
import { startTable } from '../support/approval_table.ts';
import { collectLog, makeWorld } from '../support/approval_world.ts';

let table: Awaited<ReturnType<typeof startTable>>;
beforeAll(async () => {
  table = await startTable();
});
afterAll(async () => table.close());

/** A door bell that remembers every card, and breaks when told to. */
function makeBell() {
  const cards: string[] = [];
  const state = { broken: false };
  const ring = (request: RequestView) => {
    if (state.broken) throw new Error('Slack is down');
    cards.push(`${request.status}${request.outcome === null ? '' : ` ${request.outcome}`}`);
  };
  const notifier: Notifier = {
    post: (request) => {
      ring(request);
      return Promise.resolve({ channel: 'C1', ts: '1.0' });
    },
    update: (_card, request) => Promise.resolve(ring(request)),
  };
  return { notifier, cards, state };
}

async function start() {
  const { log, lines } = collectLog();
  const workflow = makeLocalWorkflow({ log });
  const world = await makeWorld(table.client, workflow);
  const bell = makeBell();
  workflow.connect(makeStepHandler({ ...world.deps, notifier: bell.notifier }));
  return { ...world, workflow, bell, lines };
}
type World = Awaited<ReturnType<typeof start>>;

const shows = async (world: World, last: string) =>
  expect.poll(() => world.bell.cards.at(-1), { interval: 5, timeout: 5_000 }).toBe(last);

const LIVES: readonly [string, (world: World, id: RequestId) => Promise<unknown>, string[]][] = [
  [
    'approved, consumed and reported',
    async (world, id) => {
      await world.vote(id, 'bob');
      await shows(world, 'approved');
      await world.consume(id);
      await shows(world, 'consumed');
      return world.handle({ operation: 'outcome', id, outcome: 'succeeded', detail: '' });
    },
    ['requested', 'approved', 'consumed', 'consumed succeeded'],
  ],
  [
    'denied',
    async (world, id) => world.vote(id, 'bob', { answer: 'deny', reason: 'no' }),
    ['requested', 'denied'],
  ],
  [
    'withdrawn',
    async (world, id) => world.handle({ operation: 'withdraw', id, reason: 'Ctrl-C' }),
    ['requested', 'withdrawn'],
  ],
];

describe('the workflow', () => {
  test.each(LIVES)('shows every step of a request that is %s', async (_name, live, cards) => {
    const world = await start();
    const id = await world.open();
    await shows(world, 'requested');
    await live(world, id);
    await shows(world, cards.at(-1) ?? '');
    expect(world.bell.cards).toEqual(cards);
    await world.workflow.close();
    expect(world.lines).toEqual([]);
  });

  test('expires what nobody answers, by the handlers’ clock', async () => {
    const world = await start();
    await world.open({ asks: [{ ...ASK, expiresSeconds: 1 }] });
    await shows(world, 'requested');
    world.clock.ms += 1_000;
    await shows(world, 'expired');
    await world.workflow.close();
  });

  test('that wakes before the handlers’ clock says so waits on', async () => {
    const world = await start();
    const id = await world.open({ asks: [{ ...ASK, expiresSeconds: 1 }] });
    // The engine's second passes; the handlers' clock stands still, and the request is still open.
    await expect.poll(() => world.bell.cards.length, { timeout: 4_000 }).toBeGreaterThan(1);
    expect(world.bell.cards).toEqual(world.bell.cards.map(() => 'requested'));
    expect(await world.vote(id, 'bob')).toBe('approved');
    await world.workflow.close();
  });

  test('a broken Slack neither loses a request nor an answer', async () => {
    const world = await start();
    world.bell.state.broken = true;
    const id = await world.open();
    await expect.poll(async () => (await world.deps.store.handles(id)).taskToken).not.toBeNull();
    world.bell.state.broken = false;
    expect(await world.vote(id, 'bob')).toBe('approved');
    await shows(world, 'approved');
    expect(await world.consume(id)).toBe('consumed');
    await world.workflow.close();
  });

  test('a restart drives every unfinished request on from the table', async () => {
    const before = await start();
    const id = await before.open();
    await shows(before, 'requested');
    await before.workflow.close();
    const after = await start();
    after.clock.ms = NOW + 45_000;
    expect(await after.workflow.driveOn(after.deps.store)).toBeGreaterThan(0);
    await expect.poll(async () => (await after.deps.store.read(id))?.status).toBe('withdrawn');
    await after.workflow.close();
  });

  test('is told ids only: no statement, no voter', async () => {
    const world = await start();
    const secret: Partial<OpenRequest> = {
      statement: "update customers set ssn = '078-05-1120'",
      shown: { ...OPEN.shown, text: 'update customers set ssn = ****', complete: false },
    };
    await world.open(secret);
    const history = () => JSON.stringify(world.workflow.history());
    await expect.poll(history).toMatch(/notify.*"wait"/);
    const told = history();
    expect(told).not.toMatch(/078-05|update|alice/);
    await world.workflow.close();
  });

  test('a vote that comes before the task token is not slept through', async () => {
    const world = await start();
    const id = await world.open();
    expect(await world.vote(id, 'bob')).toBe('approved');
    await shows(world, 'approved');
    await world.workflow.close();
  });
});
