/**
 * A request as a Slack message: data in, Block Kit out, nothing else.
 *
 * Everything on a card was written by somebody, the statement by the very person who must not get around
 * the approver. The statement is a rich_text element, which is not mrkdwn; all else is escaped; characters
 * that hide others are spelt out. Buttons carry the request's id and nothing more: who may do what is
 * looked up when they are pressed. Only classic blocks, which old clients draw too.
 */
import { approversOf } from '../../core/approval/eligibility.ts';
import { faceOf, isOpen } from '../../core/approval/request.ts';
import { cardShowsAll, cutForCard, shownText, visible } from '../../core/approval/showing.ts';
import type { RequestId } from '../../core/brand.ts';
import { isBounded, objectsOf } from '../../core/facts.ts';
import type { RequestView } from '../../core/wire/approvals.ts';

export interface Block {
  readonly type: string;
  readonly block_id?: string;
  readonly [part: string]: unknown;
}
export interface Card {
  /** For notifications and screen readers. */
  readonly text: string;
  readonly blocks: readonly Block[];
}

export const APPROVE_ACTION = 'sallyport_approve';
export const DENY_ACTION = 'sallyport_deny';
export const PAGE_ACTION = 'sallyport_page';
export const DENY_VIEW = 'sallyport_deny_reason';
export const REASON_BLOCK = 'reason';

/** Slack: header 150 characters, section text 3,000, a field 2,000 (docs.slack.dev/reference/block-kit). */
const HEADER_MAX = 150;
const TEXT_MAX = 2_900;
const FIELD_MAX = 1_900;
/** Asks and votes listed on a card; the page lists all. */
const LISTED_MAX = 8;

export function requestCard(request: RequestView, pageUrl: string): Card {
  const title = titleOf(request);
  const blocks: Block[] = [
    { type: 'header', text: { type: 'plain_text', text: cut(title, HEADER_MAX), emoji: false } },
    fields(request),
    ...statement(request),
    section(reasons(request)),
    context(facts(request)),
    ...votes(request),
    ...(isOpen(request.status) ? [actions(request, pageUrl)] : [section(ending(request))]),
  ];
  // Slack asks for new ids with each update; equal faces keep theirs, so a repeated update is one.
  const face = faceOf(request);
  return {
    text: escaped(title),
    blocks: blocks.map((block, i) => ({ ...block, block_id: `appr:${request.id}:${face}:${i}` })),
  };
}

/** Asks for the reason of a denial; the request's id travels in `private_metadata`. */
export function denyModal(id: RequestId): Block {
  return {
    type: 'modal',
    callback_id: DENY_VIEW,
    private_metadata: id,
    title: { type: 'plain_text', text: 'Deny this request' },
    submit: { type: 'plain_text', text: 'Deny' },
    close: { type: 'plain_text', text: 'Back' },
    blocks: [
      {
        type: 'input',
        block_id: REASON_BLOCK,
        label: { type: 'plain_text', text: 'Why? The requester is told.' },
        element: {
          type: 'plain_text_input',
          action_id: REASON_BLOCK,
          multiline: true,
          min_length: 1,
          max_length: 1_000,
        },
      },
    ],
  };
}

function titleOf(request: RequestView): string {
  const what = `${request.facts.tag} on ${request.target}`;
  if (isOpen(request.status)) return visible(`${request.requester} asks to run ${what}`);
  return visible(`${endedAs(request)}: ${what} by ${request.requester}`);
}

function fields(request: RequestView): Block {
  const expiry = Math.ceil(request.expiresAt / 1000);
  const fallback = new Date(request.expiresAt).toISOString();
  const pairs: readonly [string, string][] = [
    ['Who', escaped(request.requester)],
    ['Where', escaped(`${request.target} (${request.environment})`)],
    ['Approvals', escaped(quorum(request))],
    // The only live control sequence of a card, and it is made of a number.
    ['Expires', isOpen(request.status) ? `<!date^${expiry}^{time_secs}|${fallback}>` : 'ended'],
  ];
  return {
    type: 'section',
    fields: pairs.map(([label, value]) => mrkdwn(`*${label}*\n${value}`, FIELD_MAX)),
  };
}

function quorum(request: RequestView): string {
  return request.asks
    .slice(0, LISTED_MAX)
    .map((ask) => {
      const count = approversOf(ask, request.votes).length;
      return `${count} of ${ask.quorum} from ${ask.approvers.join(' or ')}`;
    })
    .join('; ');
}

function statement(request: RequestView): readonly Block[] {
  const text = shownText(request.shown);
  if (cardShowsAll(request.shown)) return [preformatted(text)];
  const why = request.shown.complete
    ? 'This statement is too long for a card.'
    : 'Part of this statement is masked or cut.';
  const notice = section(
    `${why} Read it whole on the approval page: it can be approved only there.`,
  );
  const { head, tail, hidden } = cutForCard(text);
  if (hidden === 0) return [preformatted(head + tail), notice];
  return [
    preformatted(head),
    context([`… ${hidden} characters are not shown here …`]),
    ...(tail === '' ? [] : [preformatted(tail)]),
    notice,
  ];
}

function reasons(request: RequestView): string {
  return request.asks
    .slice(0, LISTED_MAX)
    .map((ask) => `*Why it is held:* ${escaped(ask.message)} (policy \`${escaped(ask.policy)}\`)`)
    .join('\n');
}

function facts(request: RequestView): readonly string[] {
  const { facts: known } = request;
  const touched = objectsOf(known);
  const lines = [touched.length > 0 ? `Touches ${touched.join(', ')}` : 'Touches no known object'];
  if (!isBounded(known)) lines.push('No WHERE that limits it: every row is affected');
  if (known.opaque !== null) lines.push(`Its effect cannot be read from the text: ${known.opaque}`);
  if (request.inTransaction) lines.push('Inside an open transaction: locks are held meanwhile');
  return lines.map(escaped);
}

function votes(request: RequestView): readonly Block[] {
  if (request.votes.length === 0) return [];
  const lines = request.votes.slice(0, LISTED_MAX).map((vote) => {
    const said = vote.answer === 'approve' ? 'approved' : 'denied';
    const why = vote.reason === '' ? '' : `: ${vote.reason}`;
    return escaped(`${vote.voter} ${said} by ${vote.via}${why}`);
  });
  return [context(lines)];
}

function ending(request: RequestView): string {
  if (request.status === 'approved') return '*Approved.* It runs now.';
  const ended = endedAs(request);
  const why =
    request.ending === '' || request.ending === ended ? '' : ` ${escaped(request.ending)}`;
  const outcome = request.outcome === null ? '' : ` Outcome: ${request.outcome}.`;
  return `*${ended}.*${why}${outcome}`;
}

/** "Consumed" is a word for the grant; whoever reads the card wants to know what became of the command. */
function endedAs(request: RequestView): string {
  return request.status === 'consumed' ? 'Approved and run' : capital(request.status);
}

function actions(request: RequestView, pageUrl: string): Block {
  const value = request.id;
  const approve = {
    type: 'button',
    style: 'primary',
    action_id: APPROVE_ACTION,
    text: { type: 'plain_text', text: 'Approve' },
    value,
  };
  const deny = {
    type: 'button',
    style: 'danger',
    action_id: DENY_ACTION,
    text: { type: 'plain_text', text: 'Deny' },
    value,
  };
  const page = {
    type: 'button',
    action_id: PAGE_ACTION,
    text: { type: 'plain_text', text: 'Open the page' },
    url: `${pageUrl}/approvals/${request.id}`,
  };
  const byClick = request.asks.every((ask) => ask.assurance === 'slack');
  const offered = byClick && cardShowsAll(request.shown) ? [approve, deny, page] : [deny, page];
  return { type: 'actions', elements: offered };
}

function preformatted(text: string): Block {
  const element = { type: 'rich_text_preformatted', elements: [{ type: 'text', text }] };
  return { type: 'rich_text', elements: [element] };
}

function section(text: string): Block {
  return { type: 'section', text: mrkdwn(text, TEXT_MAX) };
}

function context(lines: readonly string[]): Block {
  return { type: 'context', elements: [mrkdwn(lines.join('\n'), TEXT_MAX)] };
}

/** `verbatim`: Slack makes no links of what looks like one. */
function mrkdwn(text: string, max: number) {
  return { type: 'mrkdwn', text: cut(text, max), verbatim: true };
}

/** Slack's three control characters (docs.slack.dev/messaging/formatting-message-text), and hidden ones. */
function escaped(text: string): string {
  return visible(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** An escape sequence that the cut would halve goes whole. */
function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/&[a-z]*$/, '')}…`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
