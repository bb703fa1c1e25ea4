/**
 * A real Slack workspace on one machine: Socket Mode needs no public address. Bolt earns its place here,
 * by keeping the socket up and acknowledging; what a click does is functions/slack/actions, as in AWS.
 */
import type { App } from '@slack/bolt';
import { type ActionDeps, interact } from '../functions/slack/actions.ts';
import { DENY_VIEW } from '../functions/slack/cards.ts';

export interface SlackSocketOptions {
  readonly botToken: string;
  readonly appToken: string;
  readonly deps: ActionDeps;
}

export async function startSlackSocket(
  options: SlackSocketOptions,
): Promise<{ close: () => Promise<void> }> {
  // Loaded only here: nobody without a workspace waits for it.
  const bolt = await import('@slack/bolt');
  const app = new bolt.App({
    receiver: new bolt.SocketModeReceiver({ appToken: options.appToken }),
    // Given, so that Bolt does not ask Slack who it is with every event.
    authorize: () => Promise.resolve({ botToken: options.botToken }),
    logLevel: bolt.LogLevel.ERROR,
  });
  listen(app, options.deps);
  await app.start();
  return {
    close: async () => {
      await app.stop();
    },
  };
}

function listen(app: App, deps: ActionDeps): void {
  app.action(/^sallyport_/, async ({ ack, body }) => {
    await ack();
    await interact(deps, body);
  });
  app.view(DENY_VIEW, async ({ ack, body }) => {
    // The answer says whether the modal may close, so it goes out with the acknowledgement.
    const answer = await interact(deps, body);
    await (answer === null ? ack() : ack(answer as never));
  });
}
