/**
 * The guard in front of everything that Slack sends. Nothing is parsed, looked up or logged in detail
 * before the signature over the raw bytes holds (docs.slack.dev/authentication/verifying-requests-from-slack).
 * Whatever does not pass gets the same empty 401, so that nobody can learn from it or raise alarms by it.
 *
 * Bolt is not used here: it takes requests from the future, parses before it verifies, decodes base64
 * bodies as ASCII and adds 300 ms to a cold start; two kinds of payload need no router.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import type { EpochMs } from '../../core/brand.ts';

/** Slack's own advice against replays, applied both ways. */
const SKEW_SECONDS_MAX = 300;
/** Larger than any interaction payload with a card of ours in it; API Gateway itself takes 10 MB. */
const BODY_BYTES_MAX = 256 * 1024;

/** An HTTP API event, payload format 2.0, as far as it is used. */
const HttpEvent = v.object({
  headers: v.record(v.string(), v.string()),
  body: v.string(),
  isBase64Encoded: v.boolean(),
  requestContext: v.object({ http: v.object({ method: v.literal('POST') }) }),
});

/** The parsed JSON that Slack signed; null for anything else. */
export function verified(event: unknown, signingSecret: string, now: EpochMs): unknown {
  const http = v.safeParse(HttpEvent, event);
  if (!http.success) return null;
  const { headers, body, isBase64Encoded } = http.output;
  if (body.length > BODY_BYTES_MAX * 2) return null;
  const raw = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  if (raw.length > BODY_BYTES_MAX) return null;
  const named = new Map(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
  const timestamp = named.get('x-slack-request-timestamp') ?? '';
  if (!/^\d{1,12}$/.test(timestamp)) return null;
  if (Math.abs(now / 1000 - Number(timestamp)) > SKEW_SECONDS_MAX) return null;
  if (!isSigned(raw, timestamp, named.get('x-slack-signature') ?? '', signingSecret)) return null;
  return parse(raw.toString('utf8'), named.get('content-type') ?? '');
}

/** What Slack puts into `x-slack-signature`; the stand-in signs with it too. */
export function signature(raw: Uint8Array, timestamp: string, signingSecret: string): string {
  const hmac = createHmac('sha256', signingSecret).update(`v0:${timestamp}:`).update(raw);
  return `v0=${hmac.digest('hex')}`;
}

function isSigned(raw: Uint8Array, timestamp: string, given: string, secret: string): boolean {
  // An empty secret would make everybody a signer.
  if (secret === '') return false;
  const expected = Buffer.from(signature(raw, timestamp, secret));
  const actual = Buffer.from(given);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** Interactions are a form with one field of JSON, events are JSON. */
function parse(text: string, contentType: string): unknown {
  const type = contentType.split(';')[0]?.trim().toLowerCase();
  try {
    if (type === 'application/json') return JSON.parse(text);
    if (type !== 'application/x-www-form-urlencoded') return null;
    return JSON.parse(new URLSearchParams(text).get('payload') ?? 'null');
  } catch {
    // Signed but unreadable: refused like the rest.
    return null;
  }
}
