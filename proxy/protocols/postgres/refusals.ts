/** Refusals in PostgreSQL's words: a SQLSTATE, a sentence, what to do, and which policy it was. */
import type { Refusal } from '../../services.ts';
import type { ErrorFields } from './codec_synthetic.ts';

/** Codes of the manual's appendix "PostgreSQL Error Codes". */
const CODES: Readonly<Record<Refusal['kind'], string>> = {
  denied: '42501',
  'approval-denied': '42501',
  'approval-expired': '42501',
  'approval-withdrawn': '57014',
  unavailable: '57P03',
  'recording-failed': '58030',
  revoked: '57P01',
};

/** After these the session does not go on. */
const FATAL: ReadonlySet<Refusal['kind']> = new Set(['recording-failed', 'revoked']);

export function errorOfRefusal(refusal: Refusal): ErrorFields {
  const details = [
    refusal.policies.length > 0 ? `Policy: ${refusal.policies.join(', ')}.` : '',
    refusal.request === null ? '' : `Approval request: ${refusal.request}.`,
  ];
  return {
    severity: FATAL.has(refusal.kind) ? 'FATAL' : 'ERROR',
    code: CODES[refusal.kind],
    message: refusal.message,
    detail: details.filter((part) => part !== '').join(' '),
    hint: refusal.hint,
  };
}

/** What the gateway refuses by itself, before any policy is asked. */
export function ownRefusal(message: string, hint = ''): Refusal {
  return { kind: 'denied', message, hint, policies: [], request: null };
}
