/**
 * What a person is shown of a statement, and whether that is all of it. What was not shown cannot be
 * approved, so the card and the vote ask the same function here.
 */
import type { RequestView } from '../wire/approvals.ts';

/** Longest statement a card shows whole, UTF-16 units. Above it a card shows a head and a tail. */
export const CARD_STATEMENT_MAX = 2_100;
/** Most lines a card shows whole: chat clients fold long messages, and a fold hides what is below. */
export const CARD_LINES_MAX = 40;
export const CARD_HEAD = 1_800;
export const CARD_TAIL = 300;

/** Longest redacted statement kept for showing, UTF-16 units: an item holds at most 400 KB. */
export const SHOWN_STATEMENT_MAX = 20_000;
/** Most parameters, and longest single one, kept for showing. */
export const SHOWN_PARAMETERS_MAX = 100;
export const SHOWN_PARAMETER_MAX = 1_000;

type Shown = RequestView['shown'];

/**
 * Characters that can hide or reorder others: controls, format characters (bidirectional marks,
 * zero-width joiners, tags), lone surrogates, private use, line and paragraph separators, spaces that
 * are not the space, and letters that are drawn as nothing.
 */
const HIDING =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Zs}\u115F\u1160\u2800\u3164\uFFA0\p{Variation_Selector}]/gu;
const PLAIN = new Set(['\n', '\t', ' ']);

/** The text with every character that hides something spelt out, `<U+202E>`. */
export function visible(text: string): string {
  return text.replace(HIDING, (character) => (PLAIN.has(character) ? character : spell(character)));
}

function spell(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

/** Statement and parameters in one text, as a card and a page show them. */
export function shownText(shown: Pick<Shown, 'text' | 'parameters'>): string {
  const parameters = shown.parameters.map((value, i) => `\n$${i + 1} = ${visible(value)}`);
  return visible(shown.text) + (parameters.length > 0 ? `\n${parameters.join('')}` : '');
}

/** True where a card can show the statement whole. Otherwise it carries no Approve button. */
export function cardShowsAll(shown: Shown): boolean {
  const text = shownText(shown);
  return (
    shown.complete && text.length <= CARD_STATEMENT_MAX && text.split('\n').length <= CARD_LINES_MAX
  );
}

/** Head and tail of a text that is too long for a card, cut between characters, never inside one. */
export function cutForCard(text: string): { head: string; tail: string; hidden: number } {
  const graphemes = [...new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text)];
  const upTo = graphemes.findLast((g) => g.index + g.segment.length <= CARD_HEAD);
  const from = graphemes.find((g) => g.index >= text.length - CARD_TAIL);
  const headEnd = upTo === undefined ? 0 : upTo.index + upTo.segment.length;
  const head = text.slice(0, headEnd).split('\n').slice(0, CARD_LINES_MAX).join('\n');
  const tail = text.slice(Math.max(from?.index ?? text.length, head.length));
  return { head, tail, hidden: text.length - head.length - tail.length };
}

/** What is kept of a statement for showing. Where anything is cut, it no longer counts as complete. */
export function boundShown(shown: Shown): Shown {
  const text = shown.text.slice(0, SHOWN_STATEMENT_MAX);
  const parameters = shown.parameters
    .slice(0, SHOWN_PARAMETERS_MAX)
    .map((value) => value.slice(0, SHOWN_PARAMETER_MAX));
  const whole =
    text.length === shown.text.length &&
    parameters.length === shown.parameters.length &&
    parameters.every((value, i) => value.length === shown.parameters[i]?.length);
  return { text, parameters, complete: shown.complete && whole };
}
