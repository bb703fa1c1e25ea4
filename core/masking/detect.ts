/**
 * Finds sensitive values in text by their shape: card numbers, emails, keys and the like.
 *
 * Two steps. One pass of an RE2 set says which detectors could hit at all; only those then run their
 * own expression, whose candidates the checks in shapes.ts accept, shrink or refuse. RE2 is linear in
 * its input whatever that holds, so a hostile value costs time in proportion to its length.
 *
 * No expression tells characters above U+007F apart, so the text may also be the latin1 view of UTF-8
 * bytes: offsets are then byte offsets. It must not decide what to show instead: see mask.ts.
 */
import type { DetectorName } from '../target.ts';
import { SHAPES, type Shape } from './shapes.ts';

/** A stretch of the text that was scanned, in its units: `end` is exclusive. */
export interface Hit {
  readonly name: DetectorName;
  readonly start: number;
  readonly end: number;
}

export interface Detectors {
  /** Non-overlapping and ascending; only detectors among `names` hit. */
  readonly scan: (text: string, names: readonly DetectorName[]) => readonly Hit[];
}

/** The part of `re2js` that is used here; core is handed the library, it does not import it. */
export interface Re2Like {
  readonly RE2JS: {
    compile: (pattern: string) => {
      matcher: (text: string) => {
        find: (start?: number) => boolean;
        start: () => number;
        end: () => number;
      };
    };
  };
  readonly RE2Set: new () => {
    add: (pattern: string) => number;
    compile: () => void;
    match: (text: string) => readonly number[];
  };
}

/** UTF-16 units that the prefilter reads at once, so that one hit in a megabyte stays a local cost. */
export const SCAN_CHUNK = 16_384;
/**
 * What the expressions read beyond a chunk, so that no value is cut in two. The longest shape is a
 * token; HTTP servers refuse headers, tokens within, of more than 8 KiB.
 */
export const SCAN_OVERLAP = 8_192;
/** No shape is shorter: `a@b.co`. */
export const SHORTEST_HIT = 6;

const NOTHING: readonly Hit[] = Object.freeze([]);

type Pattern = ReturnType<Re2Like['RE2JS']['compile']>;
interface Compiled {
  readonly name: DetectorName;
  readonly pattern: Pattern;
  readonly check: Shape['check'];
}

export function makeDetectors(re2: Re2Like): Detectors {
  const prefilter = new re2.RE2Set();
  const compiled: Compiled[] = SHAPES.map((shape) => {
    prefilter.add(shape.hint ?? shape.pattern);
    return { name: shape.name, pattern: re2.RE2JS.compile(shape.pattern), check: shape.check };
  });
  prefilter.compile();

  const scan: Detectors['scan'] = (text, names) => {
    if (text.length < SHORTEST_HIT || names.length === 0) return NOTHING;
    const hits: Hit[] = [];
    for (let from = 0; from < text.length; from += SCAN_CHUNK) {
      const to = Math.min(text.length, from + SCAN_CHUNK + SCAN_OVERLAP);
      const slice = from === 0 && to === text.length ? text : text.slice(from, to);
      for (const id of prefilter.match(slice)) {
        const shape = compiled[id];
        if (shape !== undefined && names.includes(shape.name)) find(shape, text, slice, from, hits);
      }
    }
    return hits.length === 0 ? NOTHING : withoutOverlaps(hits);
  };
  return { scan };
}

/** Adds what `shape` finds in `slice`, which is `text` from `offset` on. */
function find(shape: Compiled, text: string, slice: string, offset: number, hits: Hit[]): void {
  const matcher = shape.pattern.matcher(slice);
  let at = 0;
  while (at < slice.length && matcher.find(at)) {
    const start = offset + matcher.start();
    const end = offset + matcher.end();
    const cut = matcher.end() === slice.length && end < text.length;
    // A value longer than the overlap: whatever it is, it goes on to the end of the word.
    if (cut && end - start >= SCAN_OVERLAP) {
      hits.push({ name: shape.name, start, end: endOfWord(text, end) });
    } else {
      for (const [from, to] of shape.check(text, start, end)) {
        hits.push({ name: shape.name, start: from, end: to });
      }
    }
    at = matcher.end();
  }
}

function endOfWord(text: string, from: number): number {
  let end = from;
  while (end < text.length && text.charCodeAt(end) > 0x20) end += 1;
  return end;
}

/** Where two hits overlap, the later one keeps what the earlier does not cover: nothing is uncovered. */
function withoutOverlaps(hits: Hit[]): readonly Hit[] {
  hits.sort((a, b) => a.start - b.start || b.end - a.end);
  const apart: Hit[] = [];
  let covered = 0;
  for (const hit of hits) {
    if (hit.end <= covered) continue;
    apart.push(hit.start >= covered ? hit : { ...hit, start: covered });
    covered = hit.end;
  }
  return apart;
}
