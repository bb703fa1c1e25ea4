/**
 * Slack's Web API, bounded. The client's own defaults retry for half an hour and wait for ever for a
 * reply, which is longer than anybody's click or any step of the workflow may take.
 */
import { LogLevel, WebClient } from '@slack/web-api';
import type { Notifier } from '../approvals/workflow_steps.ts';
import { type Card, requestCard } from './cards.ts';

/** Milliseconds for one reply: Slack gives a click 3 s in all. */
const REPLY_MS = 1_000;

export interface SlackApi {
  readonly postMessage: (channel: string, card: Card) => Promise<{ channel: string; ts: string }>;
  readonly updateMessage: (channel: string, ts: string, card: Card) => Promise<void>;
  readonly openView: (triggerId: string, view: unknown) => Promise<void>;
  /** Seen by one user only. */
  readonly tell: (channel: string, user: string, text: string) => Promise<void>;
}

export interface SlackOptions {
  readonly token: string;
  /** Elsewhere than https://slack.com/api/: the stand-in. */
  readonly slackApiUrl?: string;
}

export function makeSlackApi({ token, slackApiUrl }: SlackOptions): SlackApi {
  const client = new WebClient(token, {
    timeout: REPLY_MS,
    retryConfig: { retries: 1, minTimeout: 100, maxTimeout: 200 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    logLevel: LogLevel.ERROR,
    ...(slackApiUrl === undefined ? {} : { slackApiUrl }),
  });
  const quiet = { unfurl_links: false, unfurl_media: false } as const;
  return {
    postMessage: async (channel, card) => {
      const posted = await client.chat.postMessage({
        channel,
        text: card.text,
        blocks: [...card.blocks] as never,
        ...quiet,
      });
      if (posted.channel === undefined || posted.ts === undefined) {
        throw new Error('Slack posted a message and did not say where');
      }
      return { channel: posted.channel, ts: posted.ts };
    },
    updateMessage: async (channel, ts, card) => {
      await client.chat.update({ channel, ts, text: card.text, blocks: [...card.blocks] as never });
    },
    openView: async (trigger_id, view) => {
      await client.views.open({ trigger_id, view: view as never });
    },
    tell: async (channel, user, text) => {
      await client.chat.postEphemeral({ channel, user, text });
    },
  };
}

/** Cards in one channel. */
export function makeSlackNotifier(
  slack: SlackApi,
  options: { readonly channel: string; readonly pageUrl: string },
): Notifier {
  return {
    post: async (request) =>
      slack.postMessage(options.channel, requestCard(request, options.pageUrl)),
    update: async ({ channel, ts }, request) =>
      slack.updateMessage(channel, ts, requestCard(request, options.pageUrl)),
  };
}
