/** Which stretches of the text may hold a masked value: every literal that is not proven to be something else. */
import type { Parser, Token } from './parser.ts';
import type { Span } from './statement.ts';

/** Longest text that is scanned token by token (0.7 µs a byte); a longer one is hidden as a whole. */
const REDACT_TEXT_MAX = 64_000;

/** Token names of PostgreSQL's scanner that carry a value, and comments, which may quote one. */
const HIDDEN_TOKENS: ReadonlySet<string> = new Set([
  'SCONST',
  'ICONST',
  'FCONST',
  'SQL_COMMENT',
  'C_COMMENT',
]);

/** The scanner leaves U&'…', B'…' and X'…' without a name: whatever holds an apostrophe is taken for a literal. */
function isValue(token: Token): boolean {
  return HIDDEN_TOKENS.has(token.tokenName) || token.text.includes("'");
}

/** `plain` are byte offsets of literals that may be shown. Spans are ascending, in UTF-16 units. */
export function redactedSpans(
  parser: Parser,
  text: string,
  plain: ReadonlySet<number>,
): readonly Span[] {
  const everything = [{ start: 0, end: text.length }];
  if (text.length > REDACT_TEXT_MAX) return everything;
  const tokens = parser.scan(text);
  if (tokens === null) return everything;
  const toUnits = unitOffsets(text);
  return tokens
    .filter((token, index) => isValue(token) && !isPlain(plain, tokens, index))
    .map((token) => ({ start: toUnits(token.start), end: toUnits(token.end) }));
}

/** The tree places `-5` at its sign, the scanner makes two tokens of it. */
function isPlain(plain: ReadonlySet<number>, tokens: readonly Token[], index: number): boolean {
  const token = tokens[index];
  const before = tokens[index - 1];
  if (token === undefined) return false;
  const isNumber = token.tokenName === 'ICONST' || token.tokenName === 'FCONST';
  const signed = isNumber && before?.text === '-' && plain.has(before.start);
  return signed || plain.has(token.start);
}

/** From offsets in UTF-8 to offsets in UTF-16, for offsets that are asked for in ascending order. */
function unitOffsets(text: string): (bytes: number) => number {
  let unit = 0;
  let byte = 0;
  return (wanted) => {
    while (byte < wanted && unit < text.length) {
      const code = text.codePointAt(unit) ?? 0;
      byte += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      unit += code < 0x10000 ? 1 : 2;
    }
    return unit;
  };
}
