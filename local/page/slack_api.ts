/**
 * The methods of Slack's Web API that are used here, answered as Slack answers them: HTTP 200 with
 * `{ok: false, error}` for what is wrong, form-encoded or JSON requests, blocks as JSON within a form.
 */
import { randomUUID } from 'node:crypto';
import type { Block } from '../../functions/slack/cards.ts';
import { type Feed, STAND_IN_CHANNEL, STAND_IN_TEAM } from './feed.ts';

export interface SlackApiStandIn {
  readonly call: (method: string, request: ApiRequest) => Readonly<Record<string, unknown>>;
  /** A trigger for one modal of one user, good for three seconds as Slack's are. */
  readonly trigger: (user: string) => string;
}
export interface ApiRequest {
  readonly authorization: string;
  readonly contentType: string;
  readonly body: string;
}

/** Slack's own limits (docs.slack.dev/reference/block-kit/blocks). */
const BLOCKS_MAX = 50;
const TRIGGER_MS = 3_000;

type Args = Readonly<Record<string, unknown>>;

export function makeSlackApiStandIn(
  feed: Feed,
  botToken: string,
  now: () => number,
): SlackApiStandIn {
  const triggers = new Map<string, { user: string; until: number }>();
  const methods: Readonly<Record<string, (args: Args) => Args>> = {
    'auth.test': () => ({ team_id: STAND_IN_TEAM, user_id: 'U0BOT', bot_id: 'B0BOT' }),
    'chat.postMessage': (args) => {
      const blocks = blocksOf(args);
      if (text(args, 'channel') !== STAND_IN_CHANNEL) return { error: 'channel_not_found' };
      if (blocks === null) return { error: 'invalid_blocks' };
      const posted = feed.post({ channel: STAND_IN_CHANNEL, text: text(args, 'text'), blocks });
      return { channel: posted.channel, ts: posted.ts, message: posted };
    },
    'chat.update': (args) => {
      const blocks = blocksOf(args);
      if (blocks === null) return { error: 'invalid_blocks' };
      const message = { channel: text(args, 'channel'), ts: text(args, 'ts'), blocks };
      const found = feed.update({ ...message, text: text(args, 'text') });
      return found ? { channel: message.channel, ts: message.ts } : { error: 'message_not_found' };
    },
    'chat.postEphemeral': (args) => {
      feed.whisper(text(args, 'user'), text(args, 'text'));
      return { message_ts: (now() / 1000).toFixed(6) };
    },
    'views.open': (args) => {
      const trigger = triggers.get(text(args, 'trigger_id'));
      triggers.delete(text(args, 'trigger_id'));
      if (trigger === undefined) return { error: 'invalid_trigger_id' };
      if (now() > trigger.until) return { error: 'expired_trigger_id' };
      const view = json(args['view']) as Block | null;
      if (view === null) return { error: 'invalid_arguments' };
      const id = `V${randomUUID().replace(/-/g, '').toUpperCase()}`;
      feed.openModal({ id, user: trigger.user, view, errors: {} });
      return { view: { ...view, id } };
    },
    'conversations.open': (args) => ({ channel: { id: `D${text(args, 'users').slice(1)}` } }),
    'users.info': (args) => ({
      user: {
        id: text(args, 'user'),
        team_id: STAND_IN_TEAM,
        deleted: false,
        is_restricted: false,
      },
    }),
  };
  return {
    call: (method, request) => {
      if (request.authorization !== `Bearer ${botToken}`) return failed('invalid_auth');
      const args = argsOf(request);
      if (args === null) return failed('invalid_form_data');
      const answer = Object.hasOwn(methods, method) ? methods[method]?.(args) : undefined;
      if (answer === undefined) return failed('unknown_method');
      return { ok: answer['error'] === undefined, ...answer };
    },
    trigger: (user) => {
      const id = randomUUID();
      triggers.set(id, { user, until: now() + TRIGGER_MS });
      return id;
    },
  };
}

function failed(error: string) {
  return { ok: false, error };
}

function argsOf({ contentType, body }: ApiRequest): Args | null {
  if (contentType.startsWith('application/json')) return json(body) as Args | null;
  return Object.fromEntries(new URLSearchParams(body));
}

function text(args: Args, name: string): string {
  const value = args[name];
  return typeof value === 'string' ? value : '';
}

/** Null where Slack would say `invalid_blocks`. */
function blocksOf(args: Args): readonly Block[] | null {
  const blocks = json(args['blocks'] ?? '[]');
  return Array.isArray(blocks) && blocks.length <= BLOCKS_MAX ? (blocks as Block[]) : null;
}

function json(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    // Malformed arguments get Slack's own error.
    return null;
  }
}
