/**
 * What a click does. The payload says who clicked and on which request, and is believed in nothing else:
 * the person is looked up by an explicit link, their groups by our own directory, the request in the table.
 * The vote is stored by one conditional write; the card follows from the workflow. Slack does not repeat
 * clicks, and a repeated one is refused as a double vote.
 */
import * as v from 'valibot';
import { RequestId } from '../../core/brand.ts';
import type { ApprovalsDeps } from '../approvals/deps.ts';
import { SlackId } from '../approvals/directory.ts';
import { vote } from '../approvals/vote.ts';
import { APPROVE_ACTION, DENY_ACTION, DENY_VIEW, denyModal, REASON_BLOCK } from './cards.ts';
import type { SlackApi } from './client.ts';

export interface ActionDeps extends ApprovalsDeps {
  readonly slack: Pick<SlackApi, 'openView' | 'tell'>;
}

/** What is answered to Slack: nothing, or JSON. */
export type Answer = Readonly<Record<string, unknown>> | null;

const who = {
  team: v.object({ id: SlackId }),
  // `team_id` differs from the workspace's for a guest from elsewhere (Slack Connect).
  user: v.object({ id: SlackId, team_id: v.optional(SlackId) }),
};
const BlockActions = v.object({
  type: v.literal('block_actions'),
  ...who,
  trigger_id: v.string(),
  channel: v.object({ id: SlackId }),
  actions: v.tuple([v.object({ action_id: v.string(), value: v.optional(v.string(), '') })]),
});
const ViewSubmission = v.object({
  type: v.literal('view_submission'),
  ...who,
  view: v.object({
    callback_id: v.literal(DENY_VIEW),
    private_metadata: RequestId,
    state: v.object({
      values: v.object({
        [REASON_BLOCK]: v.object({ [REASON_BLOCK]: v.object({ value: v.nullable(v.string()) }) }),
      }),
    }),
  }),
});
const UrlVerification = v.object({ type: v.literal('url_verification'), challenge: v.string() });
const Payload = v.variant('type', [BlockActions, ViewSubmission, UrlVerification]);

/** Answers one verified payload. Kinds that nobody subscribed to are answered with nothing. */
export async function interact(deps: ActionDeps, payload: unknown): Promise<Answer> {
  const parsed = v.safeParse(Payload, payload);
  if (!parsed.success) {
    deps.log.warn('slack.payload-ignored', { issue: parsed.issues[0].type });
    return null;
  }
  const interaction = parsed.output;
  switch (interaction.type) {
    case 'url_verification':
      return { challenge: interaction.challenge };
    case 'block_actions':
      await click(deps, interaction);
      return null;
    case 'view_submission':
      return deny(deps, interaction);
  }
}

async function click(deps: ActionDeps, payload: v.InferOutput<typeof BlockActions>): Promise<void> {
  const [{ action_id, value }] = payload.actions;
  if (action_id !== APPROVE_ACTION && action_id !== DENY_ACTION) return;
  const tell = async (text: string) => {
    await deps.slack.tell(payload.channel.id, payload.user.id, text).catch((error: unknown) => {
      // The answer stands, or was refused; only the sentence about it is lost.
      deps.log.warn('slack.tell-failed', { error: String(error) });
    });
  };
  const id = v.safeParse(RequestId, value);
  if (!id.success) return tell('This button belongs to no request');
  if (action_id === DENY_ACTION) {
    // First of all calls: the trigger dies after three seconds.
    await deps.slack.openView(payload.trigger_id, denyModal(id.output)).catch((error: unknown) => {
      // Nothing was answered: the button can be pressed again.
      deps.log.warn('slack.modal-failed', { error: String(error) });
    });
    return;
  }
  const subject = await subjectOf(deps, payload);
  if (subject === null) return tell(NOT_LINKED);
  const ballot = { id: id.output, subject, answer: 'approve', reason: '', via: 'slack' } as const;
  const answered = await vote(deps, ballot);
  if (answered.result === 'refused') await tell(`Not approved: ${answered.message}`);
}

async function deny(
  deps: ActionDeps,
  payload: v.InferOutput<typeof ViewSubmission>,
): Promise<Answer> {
  const refuse = (message: string) => ({
    response_action: 'errors',
    errors: { [REASON_BLOCK]: message },
  });
  const subject = await subjectOf(deps, payload);
  if (subject === null) return refuse(NOT_LINKED);
  const reason = payload.view.state.values[REASON_BLOCK][REASON_BLOCK].value ?? '';
  const id = payload.view.private_metadata;
  const answered = await vote(deps, { id, subject, answer: 'deny', reason, via: 'slack' });
  return answered.result === 'refused' ? refuse(answered.message) : null;
}

const NOT_LINKED =
  'Your Slack user is not linked to an account here: ask an administrator to link it';

async function subjectOf(
  deps: ActionDeps,
  payload: Pick<v.InferOutput<typeof BlockActions>, 'team' | 'user'>,
): Promise<string | null> {
  const { team, user } = payload;
  if (user.team_id !== undefined && user.team_id !== team.id) return null;
  return deps.directory.linked(team.id, user.id);
}
