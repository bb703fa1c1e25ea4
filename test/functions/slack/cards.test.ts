import { describe, expect, test } from 'vitest';
import { viewOfRequest } from '../../../core/approval/request.ts';
import { CARD_LINES_MAX, CARD_STATEMENT_MAX, cutForCard } from '../../../core/approval/showing.ts';
import type { RequestView } from '../../../core/wire/approvals.ts';
import { type Block, requestCard } from '../../../functions/slack/cards.ts';
import { ASK, at, NOW, REQUESTED } from '../../support/approval_requests.ts';

const VIEW = viewOfRequest(REQUESTED);
const card = (change: Partial<RequestView> = {}) =>
  requestCard({ ...VIEW, ...change }, 'https://page');
const shown = (text: string, complete = true) => ({ shown: { text, parameters: [], complete } });
const labels = (blocks: readonly Block[]) =>
  blocks
    .filter((block) => block.type === 'actions')
    .flatMap((block) => block['elements'] as { text: { text: string } }[])
    .map((element) => element.text.text);

/** Every string of a card that Slack reads as mrkdwn. */
function mrkdwn(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  if ('type' in part && part.type === 'mrkdwn' && 'text' in part) return [String(part.text)];
  return Object.values(part).flatMap(mrkdwn);
}

const HOSTILE =
  '``` <!channel> <@U1> <https://evil.example|ok> *b* & \u202Edetrever\u202C \u200Bx \uD800';

describe('requestCard', () => {
  test('of an ordinary request', async () => {
    await expect(`${JSON.stringify(card(), null, 2)}\n`).toMatchFileSnapshot(
      'golden/requested.json',
    );
  });

  test('of a denied one', async () => {
    const vote = { voter: 'bob', answer: 'deny', reason: 'no', via: 'slack', at: NOW } as const;
    const denied = card({
      status: 'denied',
      votes: [{ ...vote, groups: ['dba'] }],
      decidedAt: at(NOW + 1),
      ending: 'Denied by bob: no',
    });
    await expect(`${JSON.stringify(denied, null, 2)}\n`).toMatchFileSnapshot('golden/denied.json');
  });

  test('lets no text out of its place', () => {
    const { blocks, text } = card({
      ...shown(HOSTILE),
      requester: HOSTILE,
      target: HOSTILE,
      environment: HOSTILE,
      asks: [{ ...ASK, message: HOSTILE, policy: HOSTILE, approvers: [HOSTILE] }],
      facts: { ...VIEW.facts, tag: HOSTILE, opaque: HOSTILE },
    });
    const live = [text, ...mrkdwn(blocks)].join('\n').replaceAll(/<!date\^\d+\^[^>]*>/g, '');
    expect(live).not.toMatch(/[<>]/);
    expect(JSON.stringify(blocks)).not.toMatch(/\u202E|\u202C|\u200B|\\ud800/i);
    expect(JSON.stringify(blocks)).toContain('<U+202E>detrever<U+202C>');
  });

  test.each([
    ['masked in part', shown('update customers set ssn = ****', false)],
    ['a character too long', shown('x'.repeat(CARD_STATEMENT_MAX + 1))],
    ['a line too long', shown('\n'.repeat(CARD_LINES_MAX))],
    ['long by its hidden characters', shown('\u200B'.repeat(CARD_STATEMENT_MAX / 2))],
    ['a megabyte', shown(`select 1 ${'-- x'.repeat(250_000)}; drop table orders`)],
  ])('offers no Approve where the statement is %s', (_name, change) => {
    const { blocks } = card(change);
    expect(labels(blocks)).toEqual(['Deny', 'Open the page']);
    expect(JSON.stringify(blocks)).toContain('it can be approved only there');
    expect(JSON.stringify(blocks).length).toBeLessThan(12_000);
  });

  test('offers no Approve where the policy wants a fresh sign-in', () => {
    expect(labels(card({ asks: [{ ...ASK, assurance: 'idp' }] }).blocks)).not.toContain('Approve');
  });

  test('offers Approve for the longest statement that it shows whole', () => {
    const { blocks } = card(shown('x'.repeat(CARD_STATEMENT_MAX)));
    expect(labels(blocks)).toContain('Approve');
    expect(JSON.stringify(blocks)).toContain('x'.repeat(CARD_STATEMENT_MAX));
  });

  test.each(['approved', 'consumed', 'denied', 'expired', 'withdrawn', 'revoked'] as const)(
    'has no buttons once %s',
    (status) => expect(labels(card({ status }).blocks)).toEqual([]),
  );

  test('gives its blocks new ids with each change', () => {
    const ids = (change: Partial<RequestView>) => card(change).blocks.map((b) => b.block_id);
    const both = [...ids({}), ...ids({ status: 'approved' })];
    expect(new Set(both).size).toBe(both.length);
  });
});

describe('cutForCard', () => {
  test('keeps the end, and cuts between characters', () => {
    const family = '👨‍👩‍👧';
    const { head, tail, hidden } = cutForCard(family.repeat(600));
    expect(head.replaceAll(family, '')).toBe('');
    expect(tail.replaceAll(family, '')).toBe('');
    expect(head.length + tail.length + hidden).toBe(family.length * 600);
  });
});
