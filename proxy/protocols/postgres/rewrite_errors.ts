/**
 * Error and notice texts carry values: `invalid input syntax for type integer: "…"`, `Key (email)=(…)`.
 * Where a statement touched a masked column they keep severity and SQLSTATE, and lose their words.
 */
import type { Detectors } from '../../../core/masking/detect.ts';
import { MASK_TEXT } from '../../../core/masking/mask.ts';
import type { DetectorName } from '../../../core/target.ts';
import { decodeFields, decodeNotification } from './codec_backend.ts';
import { fieldsFrame, notificationResponse } from './codec_synthetic.ts';

/** Severity, SQLSTATE and the place in the client's own text: no values in them. */
const KEPT = new Set(['S', 'V', 'C', 'P']);
const WITHHELD =
  'the target reported an error; its text is withheld because the statement touches masked data';
const WITHHELD_NOTICE =
  'the target sent a message; its text is withheld because the statement touches masked data';

export interface ErrorRule {
  readonly withhold: boolean;
  readonly detectors: Detectors;
  readonly names: readonly DetectorName[];
}

export interface RewrittenError {
  /** null: passes as it is. */
  readonly bytes: Buffer | null;
  readonly severity: string;
  readonly sqlState: string;
}

/** null where the message is malformed. Serves ErrorResponse and NoticeResponse. */
export function rewriteError(
  frame: Buffer,
  type: 'E' | 'N',
  rule: ErrorRule,
): RewrittenError | null {
  const fields = decodeFields(frame);
  if (fields === null) return null;
  const severity = fields.get('V') ?? fields.get('S') ?? 'ERROR';
  // CVE-2026-6666: a server may leave the SQLSTATE out; XX000 is PostgreSQL's internal_error.
  const sqlState = /^[0-9A-Z]{5}$/.test(fields.get('C') ?? '')
    ? (fields.get('C') as string)
    : 'XX000';
  if (rule.withhold) {
    const kept = new Map([...fields].filter(([code]) => KEPT.has(code)));
    kept.set('C', sqlState);
    kept.set('M', type === 'E' ? WITHHELD : WITHHELD_NOTICE);
    return { bytes: fieldsFrame(type, kept), severity, sqlState };
  }
  const masked = new Map<string, string>();
  let changed = fields.get('C') !== sqlState;
  for (const [code, text] of fields) {
    const shown = KEPT.has(code) ? text : withoutHits(text, rule);
    changed ||= shown !== text;
    masked.set(code, shown);
  }
  masked.set('C', sqlState);
  return { bytes: changed ? fieldsFrame(type, masked) : null, severity, sqlState };
}

/** The payload of a NOTIFY is text that anyone may have put there. null: malformed. */
export function rewriteNotification(frame: Buffer, rule: ErrorRule): Buffer | null {
  const message = decodeNotification(frame);
  if (message === null) return null;
  const payload = withoutHits(message.payload, rule);
  if (payload === message.payload) return frame;
  return notificationResponse(message.process, message.channel, payload);
}

function withoutHits(text: string, rule: ErrorRule): string {
  const hits = rule.detectors.scan(text, rule.names);
  if (hits.length === 0) return text;
  let shown = '';
  let at = 0;
  for (const hit of hits) {
    shown += text.slice(at, hit.start) + MASK_TEXT;
    at = hit.end;
  }
  return shown + text.slice(at);
}
