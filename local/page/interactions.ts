/**
 * What Slack would do when a button is pressed: build the payload, sign its bytes, send it to the very
 * handler that the endpoint runs. The stand-in has no other way to vote.
 */

import type { Block } from '../../functions/slack/cards.ts';
import type { HttpAnswer } from '../../functions/slack/handler.ts';
import { signature } from '../../functions/slack/ingress.ts';
import { type Feed, type Message, STAND_IN_TEAM, slackUserOf } from './feed.ts';

export interface Interactions {
  readonly click: (subject: string, ts: string, actionId: string) => Promise<void>;
  readonly submit: (subject: string, values: Readonly<Record<string, string>>) => Promise<void>;
}

interface Deps {
  readonly feed: Feed;
  readonly trigger: (user: string) => string;
  readonly signingSecret: string;
  readonly now: () => number;
  /** functions/slack/handler. */
  readonly handler: (event: unknown) => Promise<HttpAnswer>;
}

const FAILED = 'That did not work. Try again';

export function makeInteractions(deps: Deps): Interactions {
  const { feed } = deps;
  return {
    click: async (subject, ts, actionId) => {
      const user = slackUserOf(subject);
      const message = feed.messages().find((known) => known.ts === ts);
      const button = message === undefined ? undefined : buttonOf(message, actionId);
      if (message === undefined || button === undefined) {
        feed.whisper(user, 'This card has changed meanwhile');
        return;
      }
      const answer = await send(deps, {
        type: 'block_actions',
        team: { id: STAND_IN_TEAM },
        user: { id: user, team_id: STAND_IN_TEAM },
        trigger_id: deps.trigger(user),
        channel: { id: message.channel },
        message: { ts },
        actions: [{ type: 'button', action_id: actionId, value: button['value'] ?? '' }],
      });
      if (answer.statusCode !== 200) feed.whisper(user, FAILED);
    },
    submit: async (subject, values) => {
      const user = slackUserOf(subject);
      const modal = feed.modal(user);
      if (modal === null) return;
      const state = Object.entries(values).map(([block, value]) => [
        block,
        { [block]: { type: 'plain_text_input', value: value === '' ? null : value } },
      ]);
      const answer = await send(deps, {
        type: 'view_submission',
        team: { id: STAND_IN_TEAM },
        user: { id: user, team_id: STAND_IN_TEAM },
        view: { ...modal.view, id: modal.id, state: { values: Object.fromEntries(state) } },
      });
      const errors = errorsOf(answer);
      feed.openModal(errors === null ? { user, view: null } : { ...modal, errors });
    },
  };
}

async function send(deps: Deps, payload: unknown): Promise<HttpAnswer> {
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const timestamp = String(Math.floor(deps.now() / 1000));
  return deps.handler({
    version: '2.0',
    requestContext: { http: { method: 'POST' } },
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': signature(Buffer.from(body), timestamp, deps.signingSecret),
    },
    body: Buffer.from(body).toString('base64'),
    isBase64Encoded: true,
  });
}

function buttonOf(message: Message, actionId: string): Block | undefined {
  return message.blocks
    .flatMap((block) => (block.type === 'actions' ? (block['elements'] as Block[]) : []))
    .find((element) => element['action_id'] === actionId);
}

/** Null where the modal may close. */
function errorsOf(answer: HttpAnswer): Readonly<Record<string, string>> | null {
  if (answer.statusCode !== 200) return { reason: FAILED };
  if (answer.body === '') return null;
  const parsed = JSON.parse(answer.body) as { errors?: Record<string, string> };
  return parsed.errors ?? null;
}
