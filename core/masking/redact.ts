/**
 * Makes a command's text fit for storage and other eyes: literals of masked columns and whatever the
 * detectors find are replaced. Used on every command, before anything of it leaves the process.
 */
import type { Redacted } from '../command.ts';
import type { DetectorName } from '../target.ts';
import type { Detectors } from './detect.ts';
import { MASK_TEXT } from './mask.ts';

interface Span {
  readonly start: number;
  readonly end: number;
}

export interface RedactInput {
  readonly text: string;
  /** Stretches that must not be shown, UTF-16 units, in any order. */
  readonly spans: readonly Span[];
  /** Bound values as text; null is SQL NULL. */
  readonly parameters: readonly (string | null)[];
  /** Parameters that must not be shown: all, or these, where `$1` is 1. */
  readonly hideParameters: 'all' | readonly number[];
}

const NULL_TEXT = 'NULL';

export function redact(
  input: RedactInput,
  detectors: Detectors,
  names: readonly DetectorName[],
): Redacted {
  let complete = true;
  const hide = (text: string, spans: readonly Span[]): string => {
    const hits = detectors.scan(text, names);
    if (spans.length === 0 && hits.length === 0) return text;
    complete = false;
    return replaceSpans(text, [...spans, ...hits]);
  };
  const parameters = input.parameters.map((value, index) => {
    if (input.hideParameters === 'all' || input.hideParameters.includes(index + 1)) {
      complete = false;
      return MASK_TEXT;
    }
    if (value === null) return NULL_TEXT;
    // A text that reads NULL must not pass for the absence of a value before an approver.
    return value === NULL_TEXT ? `'${NULL_TEXT}'` : hide(value, []);
  });
  return { text: hide(input.text, input.spans), parameters, complete };
}

/** Spans may overlap; one mask stands for each stretch that they cover together. */
function replaceSpans(text: string, spans: readonly Span[]): string {
  const ordered = spans.toSorted((a, b) => a.start - b.start);
  let shown = '';
  let at = 0;
  for (let i = 0; i < ordered.length; ) {
    const start = Math.max(at, ordered[i]?.start ?? 0);
    let end = start;
    for (; i < ordered.length && (ordered[i]?.start ?? 0) <= end; i += 1) {
      end = Math.max(end, ordered[i]?.end ?? 0);
    }
    shown += text.slice(at, start) + maskFor(text.slice(start, end));
    at = end;
  }
  return shown + text.slice(at);
}

/** A quoted literal keeps its quotes, so that the statement still reads as one. */
function maskFor(hidden: string): string {
  return hidden.length > 1 && hidden.endsWith("'") ? `'${MASK_TEXT}'` : MASK_TEXT;
}
