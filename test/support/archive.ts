/** Sessions as the recorder chains them, and an archive of them in a directory of its own. */
import * as v from 'valibot';
import { EpochMs, SessionId } from '../../core/brand.ts';
import { canonicalJson } from '../../core/recording/canonical_json.ts';
import { genesisHash, sealEvent } from '../../core/recording/chain.ts';
import {
  CommandRecord,
  EventBody,
  Outcome,
  type RecordedEvent,
  Who,
} from '../../core/recording/event.ts';
import { parseLine } from '../../core/recording/segment.ts';
import { sha256Native } from '../../functions/archive/sha256.ts';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A session's id that begins at an instant; `n` tells those of one instant apart. */
export function sessionId(at: number, n = 0): SessionId {
  const digits = (value: number, length: number) =>
    Array.from({ length }, (_, i) => CROCKFORD[Math.floor(value / 32 ** (length - 1 - i)) % 32]);
  return v.parse(SessionId, `ses_${[...digits(at, 10), ...digits(n, 16)].join('')}`);
}

export const ALICE: Who = v.parse(Who, {
  principal: 'alice@example.com',
  subject: 'alice',
  kind: 'human',
  groups: ['engineering'],
  target: 'orders',
  environment: 'demo',
  client: '127.0.0.1:54012',
});

export function commandRecord(
  session: SessionId,
  ordinal: number,
  over: Partial<v.InferInput<typeof CommandRecord>> = {},
): CommandRecord {
  return v.parse(CommandRecord, {
    command: `${session}.${ordinal}`,
    tag: 'SELECT',
    verbs: ['read'],
    objects: [{ kind: 'relation', name: 'public.orders' }],
    opaque: null,
    bounded: true,
    statement: 'select * from orders',
    parameters: [],
    statementCut: 0,
    decision: 'allow',
    policies: ['engineering-reads'],
    policyVersion: 'v1',
    refusal: '',
    approval: null,
    ...over,
  });
}

export function outcome(over: Partial<v.InferInput<typeof Outcome>> = {}): Outcome {
  const answered = { sqlState: '', rows: 3, bytes: 120, durationMs: 2.5, masked: [] };
  return v.parse(Outcome, { status: 'succeeded', ...answered, ...over });
}

export function sessionStart(who: Who, application = 'psql') {
  return {
    kind: 'session.start',
    principal: who.subject,
    principalKind: who.kind,
    email: who.principal,
    groups: who.groups,
    target: who.target,
    environment: who.environment,
    protocol: 'postgres',
    client: who.client,
    application,
    // Long after any test: none of these sessions must have ended by now.
    expiresAt: Date.parse('2100-01-01T00:00:00Z'),
  } as const;
}

/** Seals bodies into a chain, as the recorder does. */
export function chained(
  session: SessionId,
  who: Who,
  bodies: readonly { readonly at: number; readonly body: unknown }[],
): readonly RecordedEvent[] {
  let prev = genesisHash(sha256Native, session);
  return bodies.map(({ at, body }, seq) => {
    const link = { session, seq, at: v.parse(EpochMs, at), prev, body: v.parse(EventBody, body) };
    const { hash, line } = sealEvent(sha256Native, { ...link, whoJson: canonicalJson(who) });
    prev = hash;
    return parseLine(line);
  });
}
