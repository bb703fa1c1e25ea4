/**
 * Remembered decisions. An answer is kept only for as long as the decision itself allows, under a key
 * that holds everything it depends on; what the key leaves out, no answer may depend on.
 *
 * It never decides: what it does not hold it asks for, once for all who ask at the same time.
 */
import { LRUCache } from 'lru-cache';
import type { Sha256 } from '../../core/approval/binding.ts';
import type { SessionContext } from '../../core/command.ts';
import type { Decision } from '../../core/decision.ts';
import type { Facts } from '../../core/facts.ts';
import type { Session } from '../../core/session.ts';
import type { Clock } from '../services.ts';

/** Decisions kept: about 1 KB each, so tens of megabytes at most. */
export const DECISIONS_MAX = 20_000;
/** An entry that is used in the last fifth of its life is asked for again, behind the answer. */
const REFRESH_FROM = 0.8;

interface Entry {
  readonly decision: Decision;
  /** Monotonic milliseconds. */
  readonly refreshAt: number;
  readonly expiresAt: number;
}

export type Ask = () => Promise<Decision>;

export interface Memory {
  /** The remembered answer, or null. `ask` is used behind the caller's back, to refresh it. */
  readonly recall: (key: string, ask: Ask) => Decision | null;
  /** Asks, and remembers as the answer allows. Callers of one key at one time share one question. */
  readonly ask: (key: string, ask: Ask) => Promise<Decision>;
  /** Forgets everything, and what is being asked for right now: it may have been judged before. */
  readonly forget: () => void;
  readonly size: () => number;
}

export function makeMemory(clock: Clock, max: number = DECISIONS_MAX): Memory {
  const entries = new LRUCache<string, Entry>({ max });
  const pending = new Map<string, Promise<Decision>>();
  /** Goes up when all is forgotten; an answer to an older question is passed on but not kept. */
  let generation = 0;

  const ask: Memory['ask'] = (key, question) => {
    const asked = pending.get(key);
    if (asked !== undefined) return asked;
    const born = generation;
    const answer = question().then((decision) => {
      if (born === generation) keep(key, decision);
      return decision;
    });
    pending.set(key, answer);
    return answer.finally(() => {
      if (pending.get(key) === answer) pending.delete(key);
    });
  };

  const keep = (key: string, decision: Decision) => {
    if (decision.ttlSeconds === 0) {
      entries.delete(key);
      return;
    }
    const now = clock.monotonic();
    const life = decision.ttlSeconds * 1000;
    entries.set(key, { decision, refreshAt: now + life * REFRESH_FROM, expiresAt: now + life });
  };

  return {
    recall: (key, question) => {
      const entry = entries.get(key);
      if (entry === undefined) return null;
      const now = clock.monotonic();
      if (now >= entry.expiresAt) {
        entries.delete(key);
        return null;
      }
      if (now >= entry.refreshAt && !pending.has(key)) {
        // A failure here harms nobody: the entry ends at its time, and the next caller asks aloud.
        ask(key, question).catch(() => undefined);
      }
      return entry.decision;
    },
    ask,
    forget: () => {
      generation += 1;
      entries.clear();
      pending.clear();
    },
    size: () => entries.size,
  };
}

/** What a decision about a command depends on, besides the policies. */
export interface Asked {
  readonly session: Session;
  readonly context: SessionContext;
  readonly facts: Facts;
}

/**
 * One string for everything that a decision depends on. `versions` is the control state's: policy
 * version and epochs. The other parts are digests of one length, so none runs into the next.
 */
export type KeyOf = (versions: string, asked: Asked) => string;

export function makeKeyOf(sha256: Sha256): KeyOf {
  const encoder = new TextEncoder();
  const digest = (value: unknown) => sha256(encoder.encode(JSON.stringify(value)));
  // Whoever owns them replaces them and never changes them; frozen, so that a change is a loud bug
  // and never an answer to another question. A session is not: its owner built it for good.
  const sessionPart = memoized(({ principal: p, target }: Session) =>
    digest([p.subject, p.email, p.kind, p.groups, p.actor, p.assurance, target]),
  );
  const contextPart = memoized((context: SessionContext) => {
    deepFreeze(context);
    const settings = Object.entries(context.settings).sort(([a], [b]) => (a < b ? -1 : 1));
    const { database, role, searchPath, transaction } = context;
    return digest([database, role, searchPath, transaction, settings]);
  });
  const factsPart = memoized((facts: Facts) => {
    deepFreeze(facts);
    const { tag, accesses, opaque, unknown, predicates } = facts;
    return digest([tag, accesses.map(accessPart), opaque, unknown, predicates]);
  });
  return (versions, { session, context, facts }) =>
    `${sessionPart(session)}${contextPart(context)}${factsPart(facts)}${versions}`;
}

function accessPart(access: Facts['accesses'][number]): unknown {
  return [access.verb, access.kind, access.name, access.columns, access.bounded];
}

function memoized<K extends object>(make: (key: K) => string): (key: K) => string {
  const store = new WeakMap<K, string>();
  return (key) => {
    let value = store.get(key);
    if (value === undefined) {
      value = make(key);
      store.set(key, value);
    }
    return value;
  };
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
}
