/** Three months of made-up sessions, the same on every run. */
import type { RecordedEvent } from '../../../core/recording/event.ts';
import {
  ALICE,
  chained,
  commandRecord,
  outcome,
  sessionId,
  sessionStart,
} from '../../support/archive.ts';

/** One command as the test's own computations see it. */
export interface Done {
  readonly session: string;
  readonly seq: number;
  readonly at: number;
  readonly principal: string;
  readonly target: string;
  readonly env: string;
  readonly verbs: readonly string[];
  readonly objects: readonly string[];
  readonly decision: string;
  readonly outcome: string;
  readonly statement: string;
  readonly rows: number;
  readonly masked: readonly { readonly kind: string; readonly count: number }[];
  readonly approver: string | null;
  /** From the request to the answer, milliseconds. */
  readonly waited: number;
}

const PEOPLE = ['alice', 'bob', 'carol', 'dave', "o'brien"];
const TARGETS = [
  { target: 'orders', environment: 'prod' },
  { target: 'staging', environment: 'test' },
];
const TABLES = ['public.orders', 'public.payments', 'public.customers', 'public.products'];
const KINDS = ['column:public.customers.email', 'detector:card'];
const SESSIONS = 60;
const COMMANDS = 12;
/** Seen in the last three weeks alone. */
const NEW_TABLE = 'public.refunds';
const NEW_DAYS = 21;
/** Days on which anything happened, and those between two of them: every day of the week comes up. */
const DAYS = 7;
const DAYS_APART = 10;
const BATCHES = 3;
const DAY_MS = 86_400_000;

/** Mulberry32: small, seeded, good enough to mix cases. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export function generate(now: number): {
  readonly batches: readonly (readonly RecordedEvent[])[];
  readonly done: readonly Done[];
} {
  const below = random(7);
  const sessions = Array.from({ length: SESSIONS }, (_, n) => oneSession(n, now, below));
  const batches: RecordedEvent[][] = Array.from({ length: BATCHES }, () => []);
  for (const [n, { events }] of sessions.entries()) {
    const cut = 1 + below(events.length - 1);
    batches[n % BATCHES]?.push(...events.slice(0, cut));
    // Every third session is delivered in batches that overlap.
    batches[(n + 1) % BATCHES]?.push(...events.slice(n % 3 === 0 ? Math.max(0, cut - 5) : cut));
  }
  return { batches, done: sessions.flatMap(({ done }) => done) };
}

function oneSession(n: number, now: number, below: (max: number) => number) {
  // Within the day after a whole number of days before now: no command lies on the edge of a period.
  const age = 1 + below(DAYS) * DAYS_APART;
  const start = now - age * DAY_MS + 3_600_000 + below(20 * 3_600_000);
  const session = sessionId(start, n);
  const { target, environment } = TARGETS[Math.floor(n / PEOPLE.length) % 2] ?? expectNever();
  const name = PEOPLE[n % PEOPLE.length] ?? expectNever();
  const principal = `${name}@example.com`;
  const who = { ...ALICE, principal, subject: name, target, environment };
  const bodies: { at: number; body: unknown }[] = [{ at: start, body: sessionStart(who) }];
  const done: Done[] = [];
  for (let i = 1; i <= COMMANDS; i += 1) {
    // The number of the session makes every instant unique: no two rows of a query tie.
    const at = start + i * 60_000 + n;
    const made = oneCommand({ session, at, ordinal: i, below, isNew: age <= NEW_DAYS });
    if (made.answered)
      bodies.push({ at: at - 1, body: { kind: 'command.intent', record: made.record } });
    done.push({
      ...made.done,
      session,
      at,
      principal,
      target,
      env: environment,
      seq: bodies.length,
    });
    bodies.push({ at, body: made.body });
  }
  // Every other session is still open.
  const end = { kind: 'session.end', reason: 'client closed', commands: COMMANDS };
  if (n % 2 === 0) bodies.push({ at: start + 3_600_000, body: end });
  return { events: chained(session, who, bodies), done };
}

interface Making {
  readonly session: ReturnType<typeof sessionId>;
  readonly at: number;
  readonly ordinal: number;
  readonly below: (max: number) => number;
  readonly isNew: boolean;
}

function oneCommand({ session, at, ordinal, below, isNew }: Making) {
  const decision = (['allow', 'allow', 'allow', 'deny', 'hold'] as const)[below(5)] ?? 'allow';
  const answered = decision === 'allow' || (decision === 'hold' && below(3) > 0);
  const verb = (['read', 'read', 'update', 'drop'] as const)[below(4)] ?? 'read';
  const objects = [...TABLES.slice(below(2), 2 + below(3)), ...(isNew ? [NEW_TABLE] : [])];
  const statement = `${verb} ${objects.join(' ')} -- it's ${at}`;
  const waited = 1000 + below(600_000);
  const approver = decision === 'hold' && answered ? `${PEOPLE[below(2)]}@example.com` : null;
  const rows = answered ? below(50) : 0;
  const masked = answered
    ? KINDS.slice(below(3)).map((kind) => ({ kind, count: 1 + below(20) }))
    : [];
  const record = commandRecord(session, ordinal, {
    tag: verb.toUpperCase(),
    verbs: [verb],
    objects: objects.map((name) => ({ kind: 'relation' as const, name })),
    statement,
    decision,
    refusal: answered ? '' : 'Not today',
    approval:
      decision === 'hold'
        ? {
            id: `apr_${session.slice(4, 28)}${String(ordinal).padStart(2, '0')}`,
            approvers: approver === null ? [] : [approver],
            requestedAt: at - waited - 10,
            decidedAt: at - 10,
          }
        : null,
  });
  const answer = outcome({ rows, masked, status: below(9) === 0 ? 'failed' : 'succeeded' });
  return {
    record,
    answered,
    body: answered
      ? { kind: 'command.result', record, outcome: answer }
      : { kind: 'command.refused', record },
    done: {
      verbs: [verb],
      objects,
      decision,
      outcome: answered ? answer.status : 'refused',
      statement,
      rows,
      masked,
      approver,
      waited,
    },
  };
}

function expectNever(): never {
  throw new Error('Broken invariant: an index within a list');
}
