/**
 * The fleet's log: one JSON line an event, on the standard output. CloudWatch counts lines by `event`
 * (lib/constructs/fleet_log_alarms.ts), so events are named once and never spelled in a message.
 *
 * It takes names, numbers and ids. What else it is handed by mistake does not get out: a value that is no
 * primitive is named by its kind, and what looks like a secret or a person's data is masked.
 */
import type { Detectors } from '../core/masking/detect.ts';
import { MASK_TEXT } from '../core/masking/mask.ts';
import type { DetectorName } from '../core/target.ts';
import type { Clock, Log } from './services.ts';

/** UTF-16 units of one value: a stack trace fits, a statement or a result does not get far. */
export const LOG_TEXT_MAX = 2_048;
/** Fields of one line. With LOG_TEXT_MAX, a line stays below the 256 KiB of a CloudWatch Logs event. */
export const LOG_FIELDS_MAX = 24;

/**
 * What is masked in values. Not emails, which name the principal, and not phone numbers, whose shape
 * ports and durations share.
 */
const DETECTED: readonly DetectorName[] = ['jwt', 'aws-key', 'card', 'ssn', 'iban'];
/** A field cannot take the place of what a line is counted and sorted by. */
const RESERVED: ReadonlySet<string> = new Set(['ts', 'level', 'event']);

type Value = string | number | boolean | null;

export interface LogOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly detectors: Detectors;
  /** Takes one whole line, its end included. */
  readonly write: (line: string) => void;
}

export function makeLog({ clock, detectors, write }: LogOptions): Log {
  const at = (level: 'info' | 'warn' | 'error') => {
    return (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      const ts = new Date(clock.now()).toISOString();
      const line = { ts, level, event, ...loggable(fields, detectors) };
      write(`${JSON.stringify(line)}\n`);
    };
  };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

/** Errors by which one is told of another; deeper than this, no sentence helps any more. */
const CAUSES_MAX = 5;

/** An error's message and those of what caused it: the one that helps is often the last. */
export function reasonOf(error: unknown, depth: number = CAUSES_MAX): string {
  if (!(error instanceof Error)) return 'not an Error';
  // A connection tried at several addresses fails with a code and without a message.
  const message = error.message || ('code' in error ? String(error.code) : error.name);
  if (error.cause === undefined || depth === 0) return message;
  return `${message}: ${reasonOf(error.cause, depth - 1)}`;
}

function loggable(
  fields: Readonly<Record<string, unknown>>,
  detectors: Detectors,
): Record<string, Value> {
  const named = Object.entries(fields).filter(([name]) => !RESERVED.has(name));
  return Object.fromEntries(
    named.slice(0, LOG_FIELDS_MAX).map(([name, value]) => [name, primitive(value, detectors)]),
  );
}

function primitive(value: unknown, detectors: Detectors): Value {
  if (typeof value === 'string') return masked(value, detectors);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'boolean' || value === null) return value;
  return `<${typeof value}>`;
}

/** Masked before it is cut: half of a token is still half of a token. */
function masked(text: string, detectors: Detectors): string {
  let shown = '';
  let from = 0;
  for (const { start, end } of detectors.scan(text, DETECTED)) {
    shown += text.slice(from, start) + MASK_TEXT;
    from = end;
  }
  shown += text.slice(from);
  const cut = shown.length - LOG_TEXT_MAX;
  return cut <= 0 ? shown : `${shown.slice(0, LOG_TEXT_MAX)}… (${cut} more)`;
}
