/**
 * What a protocol adapter is given: the ports of the proxy, as one plain record.
 * Built once, at the composition root of the process (proxy/main.ts, or local/ on one machine).
 */
import type { CommandId, EpochMs, RequestId, SessionId } from '../core/brand.ts';
import type { Command } from '../core/command.ts';
import type { Obligations } from '../core/decision.ts';
import type { Permit } from '../core/permit.ts';
import type { Identity } from '../core/principal.ts';
import type { CommandRecord, EventBody, Outcome } from '../core/recording/event.ts';
import type { Session } from '../core/session.ts';
import type { Target } from '../core/target.ts';

export interface Clock {
  readonly now: () => EpochMs;
  /** Monotonic milliseconds with a fraction, for durations. */
  readonly monotonic: () => number;
}

/** One JSON line an event: names and ids, never payloads, never SQL. */
export interface Log {
  readonly info: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly warn: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly error: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
}

export type SignIn =
  | { readonly kind: 'verified'; readonly identity: Identity }
  /** `why` is for the log alone: a caller is told nothing but that it failed. */
  | { readonly kind: 'refused'; readonly why: string };

export interface IdentityVerifier {
  readonly verify: (token: string) => Promise<SignIn>;
}

/** Where a target is and how to sign in to it. Held in memory, never logged: see proxy/upstream. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** `disable` is for loopback alone. */
  readonly tls:
    | { readonly mode: 'disable' }
    | { readonly mode: 'verify-full'; readonly ca: string | null };
}

export interface Upstreams {
  /** Rejects with ERR_TARGET_UNAVAILABLE or ERR_TARGET_REFUSED. */
  readonly forTarget: (target: Target) => Promise<Upstream>;
  /** The target took another credential than this one, or none: it may have been rotated. */
  readonly refused: (target: Target, upstream: Upstream) => void;
}

/** Why a command was not forwarded, in terms every protocol can put into its own error frame. */
export interface Refusal {
  readonly kind:
    | 'denied'
    | 'approval-denied'
    | 'approval-expired'
    | 'approval-withdrawn'
    | 'unavailable'
    | 'recording-failed'
    | 'revoked';
  /** A sentence for the caller. */
  readonly message: string;
  readonly hint: string;
  readonly policies: readonly string[];
  readonly request: RequestId | null;
}

export type Admission =
  | { readonly kind: 'permitted'; readonly permit: Permit; readonly obligations: Obligations }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface AdmitHooks {
  /** Tells the waiting client something (a NOTICE, a line on stderr). */
  readonly notice: (text: string) => void;
  /** Aborted when the client cancels or leaves: a held command is then withdrawn. */
  readonly signal: AbortSignal;
}

/** Judge, hold, record the intent, mint the permit: in that order, and no other way to the target. */
export interface Gate {
  readonly connect: (
    session: Session,
  ) => Promise<{ kind: 'allowed' } | { kind: 'refused'; refusal: Refusal }>;
  /** Never rejects: every failure is a refusal. */
  readonly admit: (session: Session, command: Command, hooks: AdmitHooks) => Promise<Admission>;
  /**
   * May this statement be parsed and described, though not run? Allow and hold say yes, for its
   * execution is judged by `admit` when it comes; deny says no, and is recorded as refused. Nothing
   * is held, no intent is recorded, and `settle` is not called for it. Never rejects.
   */
  readonly prepare: (session: Session, command: Command) => Promise<Admission>;
  /** Records a command that the adapter refused by itself, e.g. one that it cannot parse. */
  readonly refuse: (session: Session, command: Command, refusal: Refusal) => Promise<void>;
  /** Called once for every permitted command, when its answer is complete or will never come. */
  readonly settle: (session: Session, command: CommandId, outcome: Outcome) => void;
}

export interface Recorder {
  /** Resolves when the start event is as durable as the target's mode asks for. */
  readonly start: (session: Session) => Promise<void>;
  /**
   * Numbers, chains and keeps an event. Resolves when it is durable in the given mode; rejects with
   * ERR_RECORDING_FAILED, after which the session takes no further command.
   */
  readonly append: (
    session: SessionId,
    body: EventBody,
    mode: 'async' | 'spool' | 'sync',
  ) => Promise<void>;
  readonly end: (session: SessionId, reason: string) => Promise<void>;
}

export type { CommandRecord };

/** Live sessions of this task: what revocation, drain and token expiry act on. */
export interface Sessions {
  readonly open: (session: Session, close: (reason: string) => void) => void;
  readonly closed: (session: SessionId) => void;
}

export interface Services {
  readonly clock: Clock;
  readonly log: Log;
  readonly identity: IdentityVerifier;
  /** By the name a client asks for; null where there is none. */
  readonly target: (name: string) => Target | null;
  readonly upstreams: Upstreams;
  readonly gate: Gate;
  readonly recorder: Recorder;
  readonly sessions: Sessions;
  readonly newSessionId: () => SessionId;
}
