/** Single steps, at the moments that a running engine reaches only by luck. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RequestId } from '../../../core/brand.ts';
import {
  makeStepHandler,
  OUTCOME_SECONDS,
  type StepResult,
} from '../../../functions/approvals/workflow_steps.ts';
import { ASK, NOW, nextRequestId } from '../../support/approval_requests.ts';
import { startTable } from '../../support/approval_table.ts';
import { makeWorld } from '../../support/approval_world.ts';

let table: Awaited<ReturnType<typeof startTable>>;
let world: Awaited<ReturnType<typeof makeWorld>>;
let run: (event: unknown) => Promise<StepResult>;
beforeAll(async () => {
  table = await startTable();
  world = await makeWorld(table.client);
  run = makeStepHandler({
    ...world.deps,
    notifier: {
      post: () => Promise.resolve({ channel: 'C1', ts: '1.0' }),
      update: () => Promise.resolve(),
    },
  });
});
beforeEach(() => {
  world.clock.ms = NOW;
  world.calls.length = 0;
});
afterAll(async () => table.close());

const wait = async (id: RequestId, face: string) =>
  run({ step: 'wait', id, face, taskToken: `token-${id}` });

describe('a wait', () => {
  test('wakes itself where something changed between the card and the token', async () => {
    const id = await world.open();
    const { face } = await run({ step: 'notify', id });
    await world.vote(id, 'bob');
    await wait(id, face);
    expect(world.calls).toContain(`complete token-${id}`);
  });

  test('sleeps where nothing did, and is woken by the next vote', async () => {
    const id = await world.open();
    const { face } = await run({ step: 'notify', id });
    await world.handle({ operation: 'renew', ids: [id] });
    await wait(id, face);
    expect(world.calls).not.toContain(`complete token-${id}`);
    await world.vote(id, 'bob');
    expect(world.calls).toContain(`complete token-${id}`);
  });

  test('is never longer than a minute for a short request, nor longer than it lives', async () => {
    const short = await world.open({ asks: [{ ...ASK, expiresSeconds: 7 }] });
    expect(await run({ step: 'notify', id: short })).toMatchObject({ waitSeconds: 7 });
    const long = await world.open({ asks: [{ ...ASK, expiresSeconds: 600 }] });
    expect(await run({ step: 'notify', id: long })).toMatchObject({ waitSeconds: 60 });
  });
});

describe('an expiry', () => {
  test('ends what is over by this clock, and nothing that is not', async () => {
    const id = await world.open();
    expect(await run({ step: 'expire', id })).toMatchObject({ finished: false });
    world.clock.ms += ASK.expiresSeconds * 1000;
    expect(await run({ step: 'expire', id })).toMatchObject({ finished: true });
  });

  test('calls an outcome unknown that nobody reported, and takes the truth when it comes', async () => {
    const id = await world.open();
    await world.vote(id, 'bob');
    await world.consume(id);
    expect(await run({ step: 'expire', id })).toMatchObject({ finished: false });
    world.clock.ms += OUTCOME_SECONDS * 1000;
    expect(await run({ step: 'expire', id })).toMatchObject({ finished: true });
    expect((await world.deps.store.read(id))?.outcome).toBe('unknown');
    await world.handle({ operation: 'outcome', id, outcome: 'succeeded', detail: '' });
    expect((await world.deps.store.read(id))?.outcome).toBe('succeeded');
  });
});

test.each([
  ['an unknown step', { step: 'approve', id: nextRequestId() }],
  ['an id that is none', { step: 'notify', id: 'apr_1' }],
  ['a wait without a token', { step: 'wait', id: nextRequestId(), face: '' }],
  ['a request that is not there', { step: 'notify', id: nextRequestId() }],
])('%s is an error', async (_name, event) => {
  await expect(run(event)).rejects.toThrow();
});
