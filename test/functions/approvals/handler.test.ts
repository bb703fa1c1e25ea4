import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requestKey } from '../../../core/approval/item.ts';
import { GRANT_SECONDS } from '../../../core/approval/machine.ts';
import type { RequestId } from '../../../core/brand.ts';
import { HELD_STATEMENT_MAX, LEASE_SECONDS } from '../../../core/wire/approvals.ts';
import { putPerson } from '../../../functions/approvals/directory.ts';
import { makeStore } from '../../../functions/approvals/store.ts';
import { viewStatement } from '../../../functions/approvals/vote.ts';
import { ASK, NOW, nextRequestId, OPEN, OTHER_BINDING } from '../../support/approval_requests.ts';
import { startTable, TABLE } from '../../support/approval_table.ts';
import { makeWorld } from '../../support/approval_world.ts';

let table: Awaited<ReturnType<typeof startTable>>;
let world: Awaited<ReturnType<typeof makeWorld>>;
beforeAll(async () => {
  table = await startTable();
  world = await makeWorld(table.client);
});
afterAll(async () => table.close());

const itemOf = async (id: RequestId) => {
  const Key = requestKey(id);
  const answer = await table.client.send(new GetItemCommand({ TableName: TABLE, Key }));
  return answer.Item ?? {};
};
const reset = () => {
  world.clock.ms = NOW;
};
const MASKED = {
  shown: { text: 'update customers set ssn = ****', parameters: [], complete: false },
};
const SECRET = "update customers set ssn = '078-05-1120'";

describe('a request in the table', () => {
  test('is approved by another, consumed once, and its outcome kept', async () => {
    reset();
    const id = await world.open();
    expect(world.calls).toContain(`start ${id}`);
    expect(await world.vote(id, 'bob')).toBe('approved');
    expect(await world.consume(id)).toBe('consumed');
    expect(await world.consume(id)).toBe('already-consumed');
    const outcome = { operation: 'outcome', id, outcome: 'succeeded', detail: '' };
    expect(await world.handle(outcome)).toMatchObject({ request: { outcome: 'succeeded' } });
  });

  test.each([
    ['the requester', 'alice', 'self-approval'],
    ['someone of another group', 'carol', 'not-an-approver'],
    ['a machine', 'ci-deploy', 'not-an-approver'],
    ['nobody we know', 'eve', 'not-an-approver'],
  ])('takes no vote of %s', async (_name, subject, reason) => {
    reset();
    expect(await world.vote(await world.open(), subject)).toBe(reason);
  });

  test('takes one vote of one human', async () => {
    reset();
    const id = await world.open({ asks: [{ ...ASK, quorum: 2 }] });
    expect(await world.vote(id, 'bob')).toBe('partly-approved');
    expect(await world.vote(id, 'bob')).toBe('already-voted');
    expect(await world.vote(id, 'dave')).toBe('approved');
    expect(await world.vote(id, 'dave')).toBe('already-answered');
  });

  test('looks groups up at the vote', async () => {
    reset();
    const id = await world.open();
    const erin = { subject: 'erin', email: null, kind: 'human', groups: ['dba'] } as const;
    await putPerson(table.client, TABLE, { ...erin, groups: [] });
    expect(await world.vote(id, 'erin')).toBe('not-an-approver');
    await putPerson(table.client, TABLE, erin);
    expect(await world.vote(id, 'erin')).toBe('approved');
  });

  test.each([
    ['another statement', { binding: OTHER_BINDING }, 'different-statement'],
    ['another command', { command: `${OPEN.session}.8` }, 'different-statement'],
    ['another session', { session: 'ses_01HZZZZZZZZZZZZZZZZZZZZZZX' }, 'different-session'],
  ])('does not pay for %s', async (_name, change, reason) => {
    reset();
    const id = await world.open();
    expect(await world.consume(id)).toBe('not-approved');
    await world.vote(id, 'bob');
    expect(await world.consume(id, change)).toBe(reason);
    expect(await world.consume(id)).toBe('consumed');
  });

  test('ends by this function’s clock, whether or not anybody wrote it down', async () => {
    reset();
    const id = await world.open();
    world.clock.ms += LEASE_SECONDS * 1000;
    expect(await world.vote(id, 'bob')).toBe('withdrawn');
    reset();
    const renewed = await world.open();
    for (let s = 0; s < ASK.expiresSeconds; s += 30) {
      world.clock.ms = NOW + s * 1000;
      await world.handle({ operation: 'renew', ids: [renewed] });
    }
    world.clock.ms = NOW + ASK.expiresSeconds * 1000;
    expect(await world.vote(renewed, 'bob')).toBe('expired');
  });

  test('is not run long after it was approved', async () => {
    reset();
    const id = await world.open();
    await world.vote(id, 'bob');
    world.clock.ms += 30_000;
    await world.handle({ operation: 'renew', ids: [id] });
    world.clock.ms = NOW + GRANT_SECONDS * 1000;
    expect(await world.consume(id)).toBe('expired');
  });

  test('may be opened again after a lost answer, and never by another', async () => {
    reset();
    const id = await world.open();
    expect(await world.handle({ ...OPEN, id })).toMatchObject({ result: 'done' });
    expect(await world.handle({ ...OPEN, id, binding: OTHER_BINDING })).toMatchObject({
      reason: 'different-statement',
    });
  });

  test('that is too large is refused, and names nothing of it', async () => {
    reset();
    const statement = 'é'.repeat(HELD_STATEMENT_MAX);
    const facts = {
      ...OPEN.facts,
      unknown: Array.from({ length: 20_000 }, () => 'public.relation'),
    };
    const answer = await world.handle({ ...OPEN, id: nextRequestId(), statement, facts });
    expect(answer).toMatchObject({ result: 'refused', reason: 'too-large' });
  });

  test('that is malformed is an error without the statement in it', async () => {
    const bad = world.handle({ ...OPEN, statement: SECRET, target: 7 });
    await expect(bad).rejects.toThrow(/target/);
    await expect(bad).rejects.not.toThrow(/078-05/);
  });
});

test('a damaged item is said aloud and hides none of the others', async () => {
  reset();
  const [good, bad] = [await world.open(), await world.open()];
  const Item = { ...(await itemOf(bad)), progress: { S: '{' } };
  await table.client.send(new PutItemCommand({ TableName: TABLE, Item }));
  const said: unknown[] = [];
  const store = makeStore(table.client, TABLE, (error) => said.push(error));
  const ids = (await store.list()).map((request) => request.id);
  expect(ids).toContain(good);
  expect(ids).not.toContain(bad);
  expect(String(said)).toContain(bad);
  await expect(store.read(bad)).rejects.toThrow(bad);
});

describe('racing writes', () => {
  test('exactly one of many consumers wins', async () => {
    reset();
    const id = await world.open();
    await world.vote(id, 'bob');
    const results = await Promise.all(Array.from({ length: 12 }, async () => world.consume(id)));
    expect(results.filter((result) => result === 'consumed')).toHaveLength(1);
    expect(results.filter((result) => result === 'already-consumed')).toHaveLength(11);
  });

  test('two voters and a double click at once: each human counts once', async () => {
    reset();
    const id = await world.open({ asks: [{ ...ASK, quorum: 2 }] });
    const voters = ['bob', 'dave', 'bob', 'dave'];
    const results = await Promise.all(voters.map(async (voter) => world.vote(id, voter)));
    expect(results.filter((result) => result === 'approved')).toHaveLength(1);
    expect(results.filter((result) => result === 'partly-approved')).toHaveLength(1);
    expect((await world.deps.store.read(id))?.votes).toHaveLength(2);
  });

  test('a consume and a withdrawal: one of them wins, and says so', async () => {
    reset();
    const id = await world.open();
    await world.vote(id, 'bob');
    const withdraw = { operation: 'withdraw', id, reason: 'Ctrl-C' };
    const [consumed, withdrawn] = await Promise.all([world.consume(id), world.handle(withdraw)]);
    expect(
      [consumed, withdrawn.result].filter((r) => r === 'consumed' || r === 'done'),
    ).toHaveLength(1);
  });
});

describe('the sealed statement', () => {
  const ENDS: readonly [string, (id: RequestId) => Promise<unknown>][] = [
    ['consumed', async (id) => [await world.vote(id, 'bob'), await world.consume(id)]],
    ['denied', async (id) => world.vote(id, 'bob', { answer: 'deny', reason: 'no' })],
    ['withdrawn', async (id) => world.handle({ operation: 'withdraw', id, reason: 'Ctrl-C' })],
    [
      'withdrawn by its lease',
      async (id) => {
        world.clock.ms += LEASE_SECONDS * 1000;
        await world.vote(id, 'bob');
      },
    ],
    [
      'expired',
      async (id) => {
        await world.vote(id, 'bob');
        world.clock.ms += 40_000;
        await world.handle({ operation: 'renew', ids: [id] });
        world.clock.ms += 40_000;
        await world.consume(id);
      },
    ],
  ];
  test.each(ENDS)('loses its key when the request is %s', async (status, end) => {
    reset();
    const id = await world.open();
    expect(Object.keys(await itemOf(id))).toEqual(
      expect.arrayContaining(['sealedText', 'sealedKey']),
    );
    await end(id);
    const item = await itemOf(id);
    expect(item['status']?.S).toBe(status.split(' ')[0]);
    expect(Object.keys(item)).not.toContain('sealedKey');
    expect(Object.keys(item)).not.toContain('sealedText');
  });

  test('is nowhere in the clear: not in the item, not in the log', async () => {
    reset();
    const id = await world.open({ ...MASKED, statement: SECRET });
    const item = await itemOf(id);
    const bytes = Object.values(item).map((value) =>
      Buffer.from(value.S ?? value.B ?? '').toString('latin1'),
    );
    expect(bytes.join('\n')).not.toContain('078-05-1120');
    expect(world.lines.join('\n')).not.toContain('078-05-1120');
  });

  test('must be read before what was not fully shown can be approved, and reading is recorded', async () => {
    reset();
    const id = await world.open({ ...MASKED, statement: SECRET });
    expect(await world.vote(id, 'bob')).toBe('not-fully-shown');
    expect(await viewStatement(world.deps, id, 'carol')).toMatchObject({
      reason: 'not-an-approver',
    });
    expect(await viewStatement(world.deps, id, 'alice')).toMatchObject({ reason: 'self-approval' });
    expect(await viewStatement(world.deps, id, 'bob')).toEqual({
      result: 'shown',
      statement: SECRET,
    });
    expect((await world.deps.store.read(id))?.viewings).toEqual([{ viewer: 'bob', at: NOW }]);
    expect(await world.vote(id, 'dave')).toBe('not-fully-shown');
    expect(await world.vote(id, 'bob', { via: 'slack' })).toBe('not-fully-shown');
    expect(await world.vote(id, 'bob')).toBe('approved');
  });

  test('does not open on another request', async () => {
    reset();
    const [one, two] = [await world.open(), await world.open()];
    const sealed = await world.deps.store.sealed(one);
    const { key } = await world.deps.keyring.newKey(one);
    expect(key).toHaveLength(32);
    await expect(
      world.deps.keyring.unwrap(two, sealed?.wrappedKey ?? new Uint8Array()),
    ).rejects.toThrow();
  });
});
