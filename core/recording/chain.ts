/**
 * The hash chain of one session: what makes an edit, a drop or a reordering visible.
 *
 * hash(n) = SHA-256(canonical JSON of event n without `hash`), and that text contains prev = hash(n-1).
 * The first event's prev is derived from the session's id, so no chain can be passed off as another's.
 */
import type { EpochMs, SessionId, Sha256Hex } from '../brand.ts';
import { bodyJson } from './body_json.ts';
import { canonicalJson } from './canonical_json.ts';
import { EVENT_VERSION, type EventBody, type RecordedEvent } from './event.ts';

/** SHA-256 in lower-case hexadecimal; text is hashed as UTF-8. Handed in: core has no crypto. */
export type Sha256 = (data: string | Uint8Array) => Sha256Hex;

/** Keeps the first hash of a chain apart from every other use of SHA-256 over a session id. */
const GENESIS_DOMAIN = 'sallyport-session-v1\n';

export function genesisHash(sha256: Sha256, session: SessionId): Sha256Hex {
  return sha256(GENESIS_DOMAIN + session);
}

export interface Link {
  readonly session: SessionId;
  readonly seq: number;
  readonly at: EpochMs;
  readonly prev: Sha256Hex;
  readonly body: EventBody;
  /** Canonical JSON of the event's `who`: the same for a whole session, so it is made once. */
  readonly whoJson: string;
}

/**
 * Seals one event: its hash, and its line as it is stored (the event's JSON, without a newline).
 * This runs twice a command, so the canonical text is put together from parts whose keys are
 * known to be in order, rather than sorted as a whole.
 */
export function sealEvent(sha256: Sha256, link: Link): { hash: Sha256Hex; line: string } {
  const hashed =
    `{"at":${link.at},"body":${bodyJson(link.body)},"prev":"${link.prev}","seq":${link.seq},` +
    `"session":"${link.session}","v":${EVENT_VERSION},"who":${link.whoJson}}`;
  const hash = sha256(hashed);
  return { hash, line: `${hashed.slice(0, -1)},"hash":"${hash}"}` };
}

/** The hash that an event must have, from its content. */
export function hashOf(sha256: Sha256, event: RecordedEvent): Sha256Hex {
  const { hash: _, ...rest } = event;
  return sha256(canonicalJson(rest));
}

export type ChainFault =
  | { readonly kind: 'edited'; readonly seq: number }
  | { readonly kind: 'dropped'; readonly seq: number; readonly count: number }
  | { readonly kind: 'conflict'; readonly seq: number }
  | { readonly kind: 'broken'; readonly seq: number };

export interface ChainReport {
  /** Distinct events, in order of seq. */
  readonly events: readonly RecordedEvent[];
  readonly faults: readonly ChainFault[];
}

/**
 * Orders a session's events by seq, drops exact duplicates (delivery is at least once) and checks:
 * every event hashes to what it says, none is missing before the last, each continues its predecessor.
 */
export function checkChain(
  sha256: Sha256,
  session: SessionId,
  unordered: readonly RecordedEvent[],
): ChainReport {
  const ordered = unordered.toSorted((a, b) => a.seq - b.seq);
  const events: RecordedEvent[] = [];
  const faults: ChainFault[] = [];
  for (const event of ordered) {
    const last = events.at(-1);
    if (last !== undefined && last.seq === event.seq && last.hash === event.hash) {
      // A copy that claims the same hash is only a copy if it has the same content.
      if (hashOf(sha256, event) !== event.hash) faults.push({ kind: 'edited', seq: event.seq });
      continue;
    }
    faults.push(...checkLink(sha256, session, last, event));
    events.push(event);
  }
  return { events, faults };
}

function checkLink(
  sha256: Sha256,
  session: SessionId,
  last: RecordedEvent | undefined,
  event: RecordedEvent,
): readonly ChainFault[] {
  const { seq } = event;
  const faults: ChainFault[] = [];
  if (hashOf(sha256, event) !== event.hash || event.session !== session) {
    faults.push({ kind: 'edited', seq });
  }
  if (last?.seq === seq) return [...faults, { kind: 'conflict', seq }];
  const expected = last === undefined ? 0 : last.seq + 1;
  if (seq !== expected) {
    faults.push({ kind: 'dropped', seq: expected, count: seq - expected });
  } else {
    const prev = last === undefined ? genesisHash(sha256, session) : last.hash;
    if (event.prev !== prev) faults.push({ kind: 'broken', seq });
  }
  if (last?.body.kind === 'session.end') faults.push({ kind: 'broken', seq });
  return faults;
}
