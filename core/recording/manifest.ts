/** The closing summary of a recording, written when its last event arrives. */
import * as v from 'valibot';
import { EpochMs, SessionId, Sha256Hex } from '../brand.ts';
import { canonicalJson } from './canonical_json.ts';
import { type RecordedEvent, Who } from './event.ts';
import { sessionStart } from './segment.ts';

export const Manifest = v.strictObject({
  v: v.literal(1),
  session: SessionId,
  who: Who,
  /** Events of the session, the end event included. */
  count: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Hash of the end event. */
  head: Sha256Hex,
  startedAt: EpochMs,
  endedAt: EpochMs,
  reason: v.string(),
  commands: v.number(),
});
export type Manifest = v.InferOutput<typeof Manifest>;

/**
 * A function of the end event alone, so that two deliveries of it write the same bytes; null for any
 * other event.
 */
export function manifestOf(event: RecordedEvent): string | null {
  if (event.body.kind !== 'session.end') return null;
  const manifest = v.parse(Manifest, {
    v: 1,
    session: event.session,
    who: event.who,
    count: event.seq + 1,
    head: event.hash,
    startedAt: sessionStart(event.session),
    endedAt: event.at,
    reason: event.body.reason,
    commands: event.body.commands,
  });
  return canonicalJson(manifest);
}
