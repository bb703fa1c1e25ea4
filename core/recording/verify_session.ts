/** One session's recording: whether its chain holds, and ends as its manifest says. */
import type { EpochMs, SessionId } from '../brand.ts';
import { type ChainFault, checkChain, type Sha256 } from './chain.ts';
import type { RecordedEvent } from './event.ts';
import { manifestOf } from './manifest.ts';
import { manifestKey } from './segment.ts';
import type { Finding, FindingKind } from './verify.ts';

export interface SessionParts {
  readonly session: SessionId;
  readonly events: readonly RecordedEvent[];
  /** Text of its manifest; null where there is none. */
  readonly manifest: string | null;
}

export interface SessionCheck {
  readonly findings: readonly Finding[];
  readonly isEnded: boolean;
  /** Distinct, in order. */
  readonly events: readonly RecordedEvent[];
}

/** From the end of the token behind a session to its end event in the archive. */
const END_GRACE_MS = 15 * 60_000;

const FAULTS: Readonly<Record<ChainFault['kind'], FindingKind>> = {
  edited: 'event-edited',
  dropped: 'event-dropped',
  conflict: 'event-conflict',
  broken: 'event-broken',
};

export function checkSession(sha256: Sha256, now: EpochMs, parts: SessionParts): SessionCheck {
  const { session } = parts;
  const { events, faults } = checkChain(sha256, session, parts.events);
  const findings = faults.map((fault) => ({
    kind: FAULTS[fault.kind],
    key: '',
    session,
    seq: fault.seq,
    detail: describe(fault),
  }));
  const last = events.at(-1);
  const end = last === undefined ? null : manifestOf(last);
  const ending = checkEnding(now, parts, events, end);
  return { findings: [...findings, ...ending], isEnded: end !== null, events };
}

function checkEnding(
  now: EpochMs,
  { session, manifest }: SessionParts,
  events: readonly RecordedEvent[],
  end: string | null,
): readonly Finding[] {
  const key = manifestKey(session);
  const found = (kind: FindingKind, detail: string): readonly Finding[] => [
    { kind, key, session, seq: null, detail },
  ];
  if (end !== null && manifest === null) {
    return found('manifest-missing', 'The session ended, and its manifest is not there');
  }
  if (end !== manifest) {
    const there = end === null ? `${events.length} events and no end` : 'another end';
    return found(
      'manifest-mismatch',
      `The manifest is not that of the recording, which has ${there}`,
    );
  }
  if (end === null && now > mustEndBy(events)) {
    return [
      {
        kind: 'session-unended',
        key: '',
        session,
        seq: events.at(-1)?.seq ?? null,
        detail: 'The token behind it expired, and no end is recorded',
      },
    ];
  }
  return [];
}

/** A session never outlives its token; without its start, nothing says how long it may still last. */
function mustEndBy([first]: readonly RecordedEvent[]): number {
  return first?.body.kind === 'session.start' ? first.body.expiresAt + END_GRACE_MS : 0;
}

function describe(fault: ChainFault): string {
  switch (fault.kind) {
    case 'edited':
      return `Event ${fault.seq} was changed: it is not what its hash says`;
    case 'dropped':
      return fault.count === 1
        ? `Event ${fault.seq} is missing`
        : `Events ${fault.seq} to ${fault.seq + fault.count - 1} are missing`;
    case 'conflict':
      return `There are two different events ${fault.seq}`;
    case 'broken':
      return `Event ${fault.seq} does not continue the one before it`;
  }
}
