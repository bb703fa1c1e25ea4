/** Signed payloads into the real handler, on a real table; only Slack's own replies are collected. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putLink } from '../../../functions/approvals/directory.ts';
import { makeSlackHandler } from '../../../functions/slack/handler.ts';
import { signature } from '../../../functions/slack/ingress.ts';
import { ASK, NOW, nextRequestId } from '../../support/approval_requests.ts';
import { startTable, TABLE } from '../../support/approval_table.ts';
import { makeWorld } from '../../support/approval_world.ts';

const TEAM = 'T1';
const SECRET = 'secret';
let table: Awaited<ReturnType<typeof startTable>>;
let world: Awaited<ReturnType<typeof makeWorld>>;
let told: string[] = [];
let modals: unknown[] = [];
let slackIsDown = false;

beforeAll(async () => {
  table = await startTable();
  world = await makeWorld(table.client);
  for (const subject of ['alice', 'bob', 'carol', 'dave']) {
    const slackUser = `U${subject.toUpperCase()}`;
    await putLink(table.client, TABLE, { team: TEAM, slackUser, subject });
  }
});
beforeEach(() => {
  told = [];
  modals = [];
  slackIsDown = false;
});
afterAll(async () => table.close());

async function send(payload: object) {
  const handler = makeSlackHandler({
    ...world.deps,
    signingSecret: SECRET,
    slack: {
      tell: async (_channel, user, text) => {
        if (slackIsDown) throw new Error('Slack is down');
        told.push(`${user}: ${text}`);
        return Promise.resolve();
      },
      openView: async (_trigger, view) => {
        if (slackIsDown) throw new Error('Slack is down');
        modals.push(view);
        return Promise.resolve();
      },
    },
  });
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const timestamp = String(NOW / 1000);
  return handler({
    requestContext: { http: { method: 'POST' } },
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': signature(Buffer.from(body), timestamp, SECRET),
    },
    body,
    isBase64Encoded: false,
  });
}

const click = (value: string, change: object = {}, action_id = 'sallyport_approve') => ({
  type: 'block_actions',
  team: { id: TEAM },
  user: { id: 'UBOB', team_id: TEAM },
  trigger_id: 'trigger',
  channel: { id: 'C1' },
  actions: [{ action_id, value }],
  ...change,
});
const submission = (id: string, reason: string | null, user = 'UBOB') => ({
  type: 'view_submission',
  team: { id: TEAM },
  user: { id: user, team_id: TEAM },
  view: {
    callback_id: 'sallyport_deny_reason',
    private_metadata: id,
    state: { values: { reason: { reason: { value: reason } } } },
  },
});

describe('a click', () => {
  test('of a linked approver approves; the second is refused in words', async () => {
    const id = await world.open();
    expect(await send(click(id))).toMatchObject({ statusCode: 200, body: '' });
    expect((await world.deps.store.read(id))?.status).toBe('approved');
    await send(click(id));
    expect(told).toEqual(['UBOB: Not approved: This request is approved already']);
  });

  test.each([
    ['the requester', { user: { id: 'UALICE', team_id: TEAM } }, /somebody else/],
    ['someone of another group', { user: { id: 'UCAROL', team_id: TEAM } }, /may not answer/],
    ['nobody that is linked', { user: { id: 'UEVE', team_id: TEAM } }, /not linked/],
    ['a guest of another workspace', { user: { id: 'UBOB', team_id: 'T2' } }, /not linked/],
    [
      'the same id in another workspace',
      { team: { id: 'T2' }, user: { id: 'UBOB' } },
      /not linked/,
    ],
  ])('of %s is refused', async (_name, change, why) => {
    const id = await world.open();
    expect((await send(click(id, change))).statusCode).toBe(200);
    expect(told[0]).toMatch(why);
    expect((await world.deps.store.read(id))?.status).toBe('requested');
  });

  test('never approves what its card did not show whole, whatever button was forged', async () => {
    const text = 'x'.repeat(5_000);
    const long = await world.open({ shown: { text, parameters: [], complete: true } });
    await send(click(long));
    const idp = await world.open({ asks: [{ ...ASK, assurance: 'idp' }] });
    await send(click(idp));
    expect(told.join()).toMatch(/read it whole.*fresh sign-in/);
  });

  test('on a request that is gone, or on none, changes nothing', async () => {
    await send(click(nextRequestId()));
    await send(click('apr_1'));
    expect(told.join()).toMatch(/There is no request.*belongs to no request/);
  });

  test('counts even where Slack cannot be told anything', async () => {
    slackIsDown = true;
    const id = await world.open();
    expect((await send(click(id))).statusCode).toBe(200);
    expect((await send(click(id))).statusCode).toBe(200);
    expect((await world.deps.store.read(id))?.status).toBe('approved');
  });

  test.each([
    ['an unknown kind', { type: 'shortcut' }],
    ['two actions at once', { actions: [{ action_id: 'a' }, { action_id: 'b' }] }],
    ['a link button', { actions: [{ action_id: 'sallyport_page' }] }],
  ])('of %s is answered with nothing', async (_name, change) => {
    expect(await send(click('', change))).toMatchObject({ statusCode: 200, body: '' });
    expect(told).toEqual([]);
  });
});

describe('a denial', () => {
  test('opens a modal, and then needs a reason', async () => {
    const id = await world.open();
    await send(click(id, {}, 'sallyport_deny'));
    expect(modals).toMatchObject([{ type: 'modal', private_metadata: id }]);
    expect((await send(submission(id, null))).body).toContain('Say why');
    expect((await send(submission(id, 'no', 'UALICE'))).body).toContain('somebody else');
    expect(await send(submission(id, 'not today'))).toMatchObject({ statusCode: 200, body: '' });
    expect((await world.deps.store.read(id))?.ending).toBe('Denied by bob: not today');
  });
});

test('the endpoint answers Slack’s challenge, and an unsigned request with an empty 401', async () => {
  expect((await send({ type: 'url_verification', challenge: 'c' })).body).toBe('{"challenge":"c"}');
  const handler = makeSlackHandler({ ...world.deps, signingSecret: SECRET, slack: {} as never });
  for (const event of [null, {}, { headers: {}, body: '{', isBase64Encoded: false }]) {
    expect(await handler(event)).toMatchObject({ statusCode: 401, body: '' });
  }
});
