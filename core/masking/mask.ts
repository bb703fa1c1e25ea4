/** What a masked value looks like, and how to know one that comes back. */
import type { MaskStyle } from '../target.ts';

/** Stands for a hidden value, whole or as a part of a text. */
export const MASK_TEXT = '****';

/** Characters that `keep-last-4` shows. */
const KEPT = 4;
/** A text must be at least this long, in characters, to show its end: half of it stays hidden. */
const KEEP_FROM = 2 * KEPT;

/** The mask of a text value; null is SQL NULL. */
export function maskText(style: MaskStyle, text: string): string | null {
  switch (style) {
    case 'full':
      return MASK_TEXT;
    case 'null':
      return null;
    case 'keep-last-4':
      return keepLast(text);
  }
}

function keepLast(text: string): string {
  // By code point: half of a surrogate pair is not valid text.
  const characters = Array.from(text.trimEnd());
  if (characters.length < KEEP_FROM) return MASK_TEXT;
  return MASK_TEXT + characters.slice(-KEPT).join('');
}

/**
 * True for a value that one of the masks would produce: a client that saves what it was shown would
 * overwrite the real value. Trailing blanks are ignored, as type `character(n)` pads with them.
 */
export function isMask(text: string): boolean {
  const value = text.trimEnd();
  if (!value.startsWith(MASK_TEXT)) return false;
  // `*` is one UTF-16 unit; what was kept has none, or four characters.
  const kept = Array.from(value.slice(MASK_TEXT.length)).length;
  return kept === 0 || kept === KEPT;
}
