/**
 * The approvals of one machine: the Lambda handlers in-process, the deployed state machine on a local
 * engine, the page at :7070 with the Slack stand-in, or a real workspace where its tokens are set.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Voter } from '../core/approval/eligibility.ts';
import type { EpochMs } from '../core/brand.ts';
import { GatewayError } from '../core/errors.ts';
import type { ApprovalsResponse } from '../core/wire/approvals.ts';
import type { ApprovalsDeps, Log } from '../functions/approvals/deps.ts';
import { makeDirectory, putLink, putPerson } from '../functions/approvals/directory.ts';
import { makeHandler } from '../functions/approvals/handler.ts';
import { makeStore } from '../functions/approvals/store.ts';
import { makeStepHandler, type Notifier } from '../functions/approvals/workflow_steps.ts';
import { makeSlackApi, makeSlackNotifier } from '../functions/slack/client.ts';
import { makeSlackHandler } from '../functions/slack/handler.ts';
import { makeFileKeyring } from './keyring.ts';
import { type Feed, makeFeed, STAND_IN_CHANNEL, STAND_IN_TEAM, slackUserOf } from './page/feed.ts';
import { type Answer, type PageRequest, text } from './page/http.ts';
import { makeInteractions } from './page/interactions.ts';
import { makePeople } from './page/people.ts';
import { type RouteDeps, route } from './page/routes.ts';
import { startPageServer } from './page/server.ts';
import { makeSlackApiStandIn } from './page/slack_api.ts';
import { startSlackSocket } from './slack_socket.ts';
import { type LocalWorkflow, makeLocalWorkflow } from './workflow.ts';

export interface LocalApprovalsOptions {
  readonly now: () => EpochMs;
  readonly log: Log;
  readonly dynamodb: Pick<DynamoDBClient, 'send'>;
  readonly table: string;
  /** For the seal key and the stand-in's feed; made where it is missing. */
  readonly directory: string;
  /** 0: chosen by the operating system. */
  readonly pagePort: number;
  /** The development users. */
  readonly people: readonly Voter[];
  /** The subject of a good development token; null for any other. */
  readonly subjectOf: (token: string) => Promise<string | null>;
  /** SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_CHANNEL and SLACK_LINKS (`T1/U1=bob,T1/U2=dave`). */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface LocalApprovals {
  /** functions/approvals/handler: what the proxy's `approvals.call` calls. */
  readonly handler: (event: unknown) => Promise<ApprovalsResponse>;
  /** For `approvals.read`, and for tests. */
  readonly deps: ApprovalsDeps;
  readonly page: { readonly url: string };
  /** `stand-in`, or the channel of the real workspace. */
  readonly slack: string;
  /** What the state machine's executions held: for the test that looks for secrets. */
  readonly history: () => readonly unknown[];
  /** Unfinished requests of the last run that were taken up again. */
  readonly resumed: number;
  readonly close: () => Promise<void>;
}

export async function startApprovals(options: LocalApprovalsOptions): Promise<LocalApprovals> {
  const { now, log, dynamodb, table } = options;
  const keyring = makeFileKeyring(path.join(options.directory, 'seal.key'));
  const workflow = makeLocalWorkflow({ log });
  const directory = makeDirectory(dynamodb, table);
  const store = makeStore(dynamodb, table, (error) =>
    log.error('approvals.damaged', { error: String(error) }),
  );
  const deps = { now, log, store, directory, keyring, workflow };
  await enlist(options);
  const feed = makeFeed(path.join(options.directory, 'slack_feed.json'), now);
  // The page's address is needed by the cards, and the page needs what makes them: it answers once both are there.
  let answer = (_request: PageRequest): Promise<Answer> =>
    Promise.resolve(text(503, 'Starting, try again'));
  const page = await startPageServer({
    port: options.pagePort,
    log,
    route: async (request) => answer(request),
    subscribe: feed.subscribe,
  });
  const slack = await connectSlack(options, { deps, workflow, feed, pageUrl: page.url });
  answer = async (request) => route(slack.routes, request);
  const resumed = await workflow.driveOn(deps.store);
  return {
    handler: makeHandler(deps),
    deps,
    page,
    slack: slack.channel,
    history: workflow.history,
    resumed,
    close: async () => {
      await slack.close();
      await workflow.close();
      await page.close();
    },
  };
}

interface Parts {
  readonly deps: ApprovalsDeps;
  readonly workflow: LocalWorkflow;
  readonly feed: Feed;
  readonly pageUrl: string;
}

/** The stand-in is always there, with secrets of this run's own; a real workspace takes the cards from it. */
async function connectSlack(options: LocalApprovalsOptions, parts: Parts) {
  const { deps, feed, pageUrl, workflow } = parts;
  const secret = () => randomBytes(24).toString('base64url');
  const [standInToken, signingSecret] = [`xoxb-stand-in-${secret()}`, secret()];
  const standIn = makeSlackApiStandIn(feed, standInToken, options.now);
  const real = realSlack(options.env);
  const slack = makeSlackApi(
    real === null
      ? { token: standInToken, slackApiUrl: `${pageUrl}/slack/api/` }
      : { token: real.botToken },
  );
  const channel = real?.channel ?? STAND_IN_CHANNEL;
  const notifier = makeSlackNotifier(slack, { channel, pageUrl });
  workflow.connect(makeStepHandler({ ...deps, notifier: announcing(notifier, feed) }));
  const actions = { ...deps, slack };
  const handler = makeSlackHandler({ ...actions, signingSecret });
  const { now } = options;
  const interactions = makeInteractions({
    feed,
    trigger: standIn.trigger,
    signingSecret,
    now,
    handler,
  });
  const routes: RouteDeps = {
    approvals: deps,
    subjectOf: options.subjectOf,
    feed,
    standIn,
    interactions,
    people: makePeople(),
    cast: options.people,
    realSlack: real !== null,
  };
  const socket = real === null ? null : await startSlackSocket({ ...real, deps: actions });
  return { routes, channel: real?.channel ?? 'stand-in', close: async () => socket?.close() };
}

/** Open pages follow every card, wherever it was sent, and even where sending it failed. */
function announcing(notifier: Notifier, feed: Feed): Notifier {
  return {
    post: async (request) => notifier.post(request).finally(feed.changed),
    update: async (card, request) => notifier.update(card, request).finally(feed.changed),
  };
}

function realSlack(env: LocalApprovalsOptions['env']) {
  const botToken = env['SLACK_BOT_TOKEN'];
  const appToken = env['SLACK_APP_TOKEN'];
  const channel = env['SLACK_CHANNEL'];
  if (!botToken || !appToken || !channel) return null;
  return { botToken, appToken, channel };
}

const LINK = /^([A-Z0-9]{2,32})\/([A-Z0-9]{2,32})=(\S+)$/;

/** Fills the directory with the development users, and links them to the stand-in's, or to real, Slack users. */
async function enlist({ dynamodb, table, people, env }: LocalApprovalsOptions): Promise<void> {
  for (const person of people) {
    await putPerson(dynamodb, table, person);
    const slackUser = slackUserOf(person.subject);
    await putLink(dynamodb, table, { team: STAND_IN_TEAM, slackUser, subject: person.subject });
  }
  for (const link of (env['SLACK_LINKS'] ?? '').split(',').filter(Boolean)) {
    const [, team, slackUser, subject] = LINK.exec(link.trim()) ?? [];
    if (team === undefined || slackUser === undefined || subject === undefined) {
      throw new GatewayError('ERR_CONFIG_INVALID', `Cannot read "${link}" in SLACK_LINKS`, {
        hint: 'Write team and user ids with a user of ours: T0123/U0456=bob,T0123/U0789=dave',
      });
    }
    await putLink(dynamodb, table, { team, slackUser, subject });
  }
}
