/**
 * One shape per detector: an RE2 expression for candidates, and a check that accepts, shrinks or
 * refuses each. Recall comes first: a value wrongly hidden is an annoyance, one shown is a leak. The
 * checks exist for what databases are full of and must not lose: UUIDs, times, order numbers, prices.
 */
import type { DetectorName } from '../target.ts';

type Stretch = readonly [start: number, end: number];

export interface Shape {
  readonly name: DetectorName;
  readonly pattern: string;
  /** Hits wherever `pattern` does, and is cheaper for the prefilter; absent: the pattern itself. */
  readonly hint?: string;
  /** The stretches of the candidate `text[start, end)` that are such a value. */
  readonly check: (text: string, start: number, end: number) => readonly Stretch[];
}

const NONE: readonly Stretch[] = [];

/** Letters, digits and dashes, and whatever is not ASCII: internationalised domains. */
const LABEL = String.raw`[0-9A-Za-z\x80-\x{10FFFF}-]+`;

/** Numbers as people write them at home: the North American plan, and others with a trunk 0. */
const NATIONAL_PHONE = [
  String.raw`(?:1[ .-])?(?:\(\d{3}\)[ .-]?|\d{3}[ .-])\d{3}[ .-]\d{4}`,
  String.raw`\(?0[1-9]\d{0,3}\)?[ /]\d{3,4} ?\d{3,5}`,
  String.raw`0[1-9](?:[ .]\d{2}){4}`,
].join('|');

export const SHAPES: readonly Shape[] = [
  // ISO/IEC 7812-1: 8 to 19 digits; payment cards have 13 to 19.
  { name: 'card', pattern: String.raw`\d(?:[ -]?\d){12,}`, check: checkCard },
  { name: 'ssn', pattern: String.raw`\d{3}(?:-\d{2}-|\x20\d{2}\x20)\d{4}`, check: checkNumber },
  // RFC 5321 section 4.1.2; the check adds what stands before the `@`, see there.
  { name: 'email', pattern: String.raw`@${LABEL}(?:\.${LABEL})+`, hint: '@', check: checkEmail },
  // E.164: a country code and at most 15 digits.
  { name: 'phone', pattern: String.raw`\+\d(?:[ ().-]{0,3}\d){7,}`, check: checkE164 },
  { name: 'phone', pattern: NATIONAL_PHONE, check: checkNumber },
  // ISO 13616-1: country, two check digits, up to 30 characters; printed in groups of four.
  {
    name: 'iban',
    pattern: String.raw`[A-Za-z]{2}\d{2}(?:[ -]?[0-9A-Za-z]{4}){2,7}(?:[ -]?[0-9A-Za-z]{1,3})?`,
    check: checkIban,
  },
  // The prefixes of access keys: IAM user guide, "Understanding unique ID prefixes".
  { name: 'aws-key', pattern: '(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}', check: checkWord },
  { name: 'aws-key', pattern: '[0-9A-Za-z/+]{40,}', check: checkSecretKey },
  // RFC 7519 section 3: base64url of `{"…`, twice or once, and a signature that may be empty.
  {
    name: 'jwt',
    pattern: String.raw`eyJ[0-9A-Za-z_-]{5,}\.[0-9A-Za-z_-]{2,}\.[0-9A-Za-z_-]*`,
    check: always,
  },
];

function always(_text: string, start: number, end: number): readonly Stretch[] {
  return [[start, end]];
}

/** Card networks' number ranges: first digits, from and to, then the lengths they are issued in. */
const ISSUERS: readonly (readonly [from: string, to: string, min: number, max: number])[] = [
  ['4', '4', 13, 19],
  ['51', '55', 16, 16],
  ['2221', '2720', 16, 16],
  ['2200', '2204', 16, 19],
  ['34', '34', 15, 15],
  ['37', '37', 15, 15],
  ['30', '30', 14, 19],
  ['36', '36', 14, 19],
  ['38', '39', 14, 19],
  ['3528', '3589', 16, 19],
  ['50', '50', 13, 19],
  ['56', '69', 13, 19],
  ['81', '82', 16, 19],
  ['9792', '9792', 16, 16],
];

/** A card's digits with a separator after each. */
const CARD_SPAN_MAX = 2 * 19;

function checkCard(text: string, start: number, end: number): readonly Stretch[] {
  return windowsOf(groupsOf(text, start, end), CARD_SPAN_MAX, (from, to) => {
    if (isDigit(text.charCodeAt(from - 1)) || isDigit(text.charCodeAt(to))) return false;
    if (isFraction(text, from - 1, -1) || isFraction(text, to, 1)) return false;
    const groups = text.slice(from, to).split(/[ -]/);
    return isPrintedLikeCard(groups) && isCard(groups.join('')) && !isInUuid(text, from, to);
  });
}

/** In one piece, or 4-4-4-4, 4-6-5 and their kin: not a run of dates or counts. */
function isPrintedLikeCard(groups: readonly string[]): boolean {
  return groups.length === 1 || (groups[0]?.length === 4 && groups.every((g) => g.length >= 3));
}

function isCard(digits: string): boolean {
  const known = ISSUERS.some(
    ([from, to, min, max]) =>
      digits.length >= min &&
      digits.length <= max &&
      digits.slice(0, from.length) >= from &&
      digits.slice(0, to.length) <= to,
  );
  return known && passesLuhn(digits);
}

/** ISO/IEC 7812-1 annex B. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = digit * 2;
    sum += i % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** 34 characters with a separator after every fourth: 42, and the last group's neighbours. */
const IBAN_SPAN_MAX = 44;

function checkIban(text: string, start: number, end: number): readonly Stretch[] {
  return windowsOf(groupsOf(text, start, end), IBAN_SPAN_MAX, (from, to) => {
    if (!isWord(text, from, to)) return false;
    const iban = text.slice(from, to).replaceAll(/[ -]/g, '').toUpperCase();
    return /^[A-Z]{2}\d{2}[0-9A-Z]{11,30}$/.test(iban) && passesMod97(iban);
  });
}

/** ISO/IEC 7064 MOD 97-10, as ISO 13616-1 section 6 applies it. */
export function passesMod97(iban: string): boolean {
  let rest = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** A secret access key is 40 characters of base64; hexadecimal digests of that length are not. */
const SECRET_KEY_LENGTH = 40;
/** Bits per character. Random base64 of this length has about 4.9; words and paths stay below 4.2. */
const SECRET_ENTROPY_MIN = 4.25;

function checkSecretKey(text: string, start: number, end: number): readonly Stretch[] {
  // The letter of an escape, `\n` in JSON, is no part of what follows it.
  const from = text.charAt(start - 1) === '\\' ? start + 1 : start;
  if (end - from !== SECRET_KEY_LENGTH || text.charAt(end) === '=') return NONE;
  const key = text.slice(from, end);
  const mixed = /[a-z]/.test(key) && /[A-Z]/.test(key) && /[0-9]/.test(key);
  return mixed && entropyOf(key) >= SECRET_ENTROPY_MIN ? [[from, end]] : NONE;
}

function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values())
    bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** RFC 5321 section 4.5.3.1.1, in octets; an address beyond it is still masked as far as this. */
const LOCAL_PART_MAX = 64;
/** ASCII that ends a local part where it is not quoted; RFC 6531 allows all beyond ASCII. */
const LOCAL_PART_ENDS = '"\'(),/:;<=>@[\\]{|}\x7f';

/** The expression starts at the `@`: searching for that is 15 times cheaper than for what precedes it. */
function checkEmail(text: string, start: number, end: number): readonly Stretch[] {
  // A version (`left-pad@1.3.0`) or an address (`git@10.0.0.1`) ends in a number, a domain never.
  if (/^\d+$/.test(text.slice(text.lastIndexOf('.', end - 1) + 1, end))) return NONE;
  let from = start;
  while (from > Math.max(0, start - LOCAL_PART_MAX) && isLocalPart(text.charCodeAt(from - 1))) {
    from -= 1;
  }
  return from === start ? NONE : [[from, end]];
}

function isLocalPart(code: number): boolean {
  return code > 0x20 && !LOCAL_PART_ENDS.includes(String.fromCharCode(code));
}

/** 15 digits, and up to three units of punctuation between two of them. */
const E164_SPAN_MAX = 60;
const E164_DIGITS_MIN = 8;
const E164_DIGITS_MAX = 15;

function checkE164(text: string, start: number, end: number): readonly Stretch[] {
  return windowsOf(groupsOf(text, start, end), E164_SPAN_MAX, (from, to) => {
    const digits = text.slice(from, to).replaceAll(/\D/g, '').length;
    const complete = digits >= E164_DIGITS_MIN && digits <= E164_DIGITS_MAX;
    return complete && text.charAt(from) === '+' && !isDigit(text.charCodeAt(to));
  });
}

function checkWord(text: string, start: number, end: number): readonly Stretch[] {
  return isWord(text, start, end) ? [[start, end]] : NONE;
}

/** Not a part of a longer number. Letters may touch it: `\n` in JSON, or `tel` and the like. */
function checkNumber(text: string, start: number, end: number): readonly Stretch[] {
  const longer =
    isDigit(text.charCodeAt(start - 1)) ||
    isDigit(text.charCodeAt(end)) ||
    isJoined(text, start - 1, -1) ||
    isJoined(text, end, 1);
  return longer ? NONE : [[start, end]];
}

/** Not a part of a longer word, such as a digest. */
function isWord(text: string, start: number, end: number): boolean {
  if (isAlphanumeric(text.charCodeAt(end))) return false;
  return !isAlphanumeric(text.charCodeAt(start - 1)) || text.charAt(start - 2) === '\\';
}

/** A point or dash at `at` that has a digit beyond it: `.5`, `-12`, as in an order number. */
function isJoined(text: string, at: number, step: -1 | 1): boolean {
  return text.charAt(at) === '-' ? isDigit(text.charCodeAt(at + step)) : isFraction(text, at, step);
}

function isFraction(text: string, at: number, step: -1 | 1): boolean {
  return text.charAt(at) === '.' && isDigit(text.charCodeAt(at + step));
}

const UUID_LENGTH = 36;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

/** RFC 9562 section 4: the digits may be all that a UUID has there. */
function isInUuid(text: string, start: number, end: number): boolean {
  const from = Math.max(0, end - UUID_LENGTH);
  const match = UUID.exec(text.slice(from, start + UUID_LENGTH));
  return match !== null && from + match.index <= start && from + match.index + UUID_LENGTH >= end;
}

/** False for NaN, which is what lies beyond either end of the text. */
function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

/** The stretches between separators; an empty one where a candidate starts with a sign. */
function groupsOf(text: string, start: number, end: number): readonly Stretch[] {
  const groups: Stretch[] = [];
  let from = start;
  for (let at = start; at <= end; at += 1) {
    if (at < end && isAlphanumeric(text.charCodeAt(at))) continue;
    groups.push([from, at]);
    from = at + 1;
  }
  return groups;
}

/**
 * The longest runs of whole groups that `accept` takes: a value may have neighbours that look like
 * more of it, a card's security code or the next column of a report. No run is longer than
 * `spanMax`, so that the work is linear in the candidate's length.
 */
function windowsOf(
  groups: readonly Stretch[],
  spanMax: number,
  accept: (start: number, end: number) => boolean,
): readonly Stretch[] {
  const found: Stretch[] = [];
  for (let first = 0; first < groups.length; first += 1) {
    const start = groups[first]?.[0] ?? 0;
    let last = first;
    while (last + 1 < groups.length && (groups[last + 1]?.[1] ?? 0) - start <= spanMax) last += 1;
    while (last >= first && !accept(start, groups[last]?.[1] ?? 0)) last -= 1;
    if (last < first) continue;
    found.push([start, groups[last]?.[1] ?? 0]);
    first = last;
  }
  return found;
}
