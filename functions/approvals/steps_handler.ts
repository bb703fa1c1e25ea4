/** The Lambda that the state machine invokes; see workflow_steps. It has no key to the seals. */
import { makeSlackApi, makeSlackNotifier } from '../slack/client.ts';
import { type Env, makeDepsOf, readSlackSecret, variable } from './lambda_env.ts';
import { makeStepHandler, type StepDeps, type StepResult } from './workflow_steps.ts';

let ready: Promise<ReturnType<typeof makeStepHandler>> | undefined;

export async function handler(event: unknown): Promise<StepResult> {
  ready ??= makeDeps(process.env).then(makeStepHandler);
  try {
    return await (await ready)(event);
  } catch (error) {
    // A start that failed is tried anew with the next event; the workflow retries this one.
    if (await ready.then(() => false).catch(() => true)) ready = undefined;
    throw error;
  }
}

export async function makeDeps(env: Env): Promise<StepDeps> {
  const { botToken } = await readSlackSecret(env);
  const notifier = makeSlackNotifier(makeSlackApi({ token: botToken }), {
    channel: variable(env, 'SLACK_CHANNEL'),
    pageUrl: variable(env, 'PAGE_URL'),
  });
  return { ...makeDepsOf(env, null), notifier };
}
