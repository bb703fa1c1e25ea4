/** The Slack endpoint: an HTTP API (payload format 2.0) in front of one Lambda. Verify, one write, answer. */
import type { EpochMs } from '../../core/brand.ts';
import { type Env, makeDepsOf, readSlackSecret } from '../approvals/lambda_env.ts';
import { type ActionDeps, interact } from './actions.ts';
import { makeSlackApi } from './client.ts';
import { verified } from './ingress.ts';

export interface SlackHandlerDeps extends ActionDeps {
  readonly signingSecret: string;
  readonly now: () => EpochMs;
}

export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function makeSlackHandler(deps: SlackHandlerDeps): (event: unknown) => Promise<HttpAnswer> {
  return async (event) => {
    const payload = verified(event, deps.signingSecret, deps.now());
    if (payload === null) return reply(401, '');
    try {
      const answer = await interact(deps, payload);
      return reply(200, answer === null ? '' : JSON.stringify(answer));
    } catch (error) {
      // Slack shows its user an error, who presses again: nothing was half done.
      deps.log.error('slack.failed', { error: String(error) });
      return reply(503, '');
    }
  };
}

function reply(statusCode: number, body: string): HttpAnswer {
  const headers = body === '' ? {} : { 'content-type': 'application/json; charset=utf-8' };
  return { statusCode, headers: { ...headers, 'cache-control': 'no-store' }, body };
}

let ready: Promise<ReturnType<typeof makeSlackHandler>> | undefined;

/** The Lambda's entry. */
export async function handler(event: unknown): Promise<HttpAnswer> {
  ready ??= makeDeps(process.env).then(makeSlackHandler);
  try {
    return await (await ready)(event);
  } catch {
    // The start failed (a secret, a variable): the next event tries again, this one gets Slack's error.
    ready = undefined;
    return reply(503, '');
  }
}

export async function makeDeps(env: Env): Promise<SlackHandlerDeps> {
  const { botToken, signingSecret } = await readSlackSecret(env);
  return { ...makeDepsOf(env, null), slack: makeSlackApi({ token: botToken }), signingSecret };
}
