/**
 * What the session machine knows, and what it asks of the world. One record per session, updated in
 * place for speed by the machine_*.ts files and by nothing else: no clock, no socket, no promise.
 */
import type { CommandId } from '../../../core/brand.ts';
import type { Command, Parameter, SessionContext } from '../../../core/command.ts';
import type { Obligations } from '../../../core/decision.ts';
import type { Detectors } from '../../../core/masking/detect.ts';
import type { Outcome } from '../../../core/recording/event.ts';
import type { Session } from '../../../core/session.ts';
import type { Refusal } from '../../services.ts';
import type { ColumnDescription } from './codec_backend.ts';
import type { FrameReader } from './codec_frames.ts';
import type { BindMessage, ParseMessage } from './codec_frontend.ts';
import type { RowPlan } from './rewrite_plan.ts';
import type { Counts } from './rewrite_rows.ts';
import type { Catalog, Classified } from './statement.ts';

export type Parsed = Extract<Classified, { kind: 'parsed' }>;
export type TransactionStatus = 'I' | 'T' | 'E';

export type SessionEffect =
  /** Ask the gate; answered by `onAdmission`. */
  | { readonly kind: 'judge'; readonly mode: 'admit' | 'prepare'; readonly command: Command }
  /** The machine refused by itself, and has told the client. */
  | { readonly kind: 'refused'; readonly command: Command; readonly refusal: Refusal }
  | {
      readonly kind: 'settle';
      readonly command: CommandId;
      readonly outcome: Omit<Outcome, 'durationMs'>;
    }
  /** Answered by `onCatalog`. */
  | { readonly kind: 'refresh-catalog' }
  /** Both sides are to be closed after what was written. */
  | { readonly kind: 'end'; readonly reason: string };

export interface StatementEntry {
  readonly name: string;
  readonly text: string;
  readonly types: readonly number[];
  /** See `SessionState.generation`. */
  readonly generation: number;
}

export interface PortalEntry {
  readonly name: string;
  readonly text: string;
  readonly classified: Parsed;
  readonly context: SessionContext;
  readonly parameters: readonly Parameter[];
  readonly resultFormats: readonly number[];
  /** From this very portal's description; null until it came, or where there are no rows. */
  columns: readonly ColumnDescription[] | null;
}

/** What the target owes for what was forwarded, in order. `swallow`: the client did not ask for it. */
export type Expected =
  | { readonly kind: 'parse'; readonly swallow: boolean; readonly statement: StatementEntry }
  | { readonly kind: 'bind'; readonly portal: PortalEntry }
  | { readonly kind: 'describe-statement' }
  | { readonly kind: 'describe-portal'; readonly swallow: boolean; readonly portal: PortalEntry }
  | { readonly kind: 'execute'; readonly portal: PortalEntry }
  | {
      readonly kind: 'close';
      readonly swallow: boolean;
      readonly target: 'statement' | 'portal';
      readonly name: string;
    }
  | { readonly kind: 'sync'; readonly swallow: boolean }
  /** Results of a simple query; the `sync` behind it stands for its ReadyForQuery. */
  | { readonly kind: 'query' }
  /** The gateway's own question about the session's context. */
  | { readonly kind: 'context' }
  /** The gateway's own failing message: an error that nobody sees. */
  | { readonly kind: 'failure' };

/** Messages of an extended batch that are not forwarded yet. */
export type Held =
  | { readonly kind: 'parse'; readonly bytes: Buffer; readonly message: ParseMessage }
  | { readonly kind: 'bind'; readonly bytes: Buffer; readonly message: BindMessage }
  | { readonly kind: 'describe-statement'; readonly bytes: Buffer; readonly name: string }
  | { readonly kind: 'describe-portal'; readonly bytes: Buffer; readonly name: string };

/** Something that the gate, or the catalog, has to answer before it may go out. */
export interface Pending {
  readonly protocol: 'simple' | 'extended';
  readonly mode: 'admit' | 'prepare';
  readonly text: string;
  readonly parameters: readonly Parameter[];
  readonly resultFormats: readonly number[];
  readonly frame: Buffer;
  readonly context: SessionContext;
  /** Known already for a portal that goes on; else the text is classified. */
  readonly known: Parsed | null;
  /** What the target will owe for the frame. */
  readonly expects: (classified: Parsed) => readonly Expected[];
  readonly portal: PortalEntry | null;
  /** True once the catalog was refreshed for it. */
  refreshed: boolean;
  classified: Parsed | null;
}

/** What was forwarded last, until its answer is complete. */
export interface Running {
  /** null for what was only prepared: nothing to settle. */
  readonly command: CommandId | null;
  readonly classified: Parsed;
  readonly obligations: Obligations;
  readonly counts: Counts;
  plan: RowPlan | null;
  /** Which statement of a simple query is answered next. */
  statement: number;
  /** Row descriptions met for it: more than one is a rule's doing. */
  descriptions: number;
  rows: number;
  /** Rows of the statement that is being answered. */
  statementRows: number;
  bytes: number;
  sqlState: string;
  complete: boolean;
}

/** The last description and its plan: a client that repeats a statement repeats its description. */
export interface PlanMemo {
  readonly bytes: Buffer;
  readonly classified: Parsed;
  readonly statement: number;
  readonly obligations: Obligations;
  readonly catalog: Catalog;
  readonly columns: readonly ColumnDescription[];
  readonly plan: RowPlan;
}

export interface SessionState {
  readonly session: Session;
  readonly detectors: Detectors;
  catalog: Catalog;
  /** By transaction state, so that equal contexts are the same object. */
  contexts: Readonly<Record<TransactionStatus, SessionContext>>;
  status: TransactionStatus;
  readonly input: FrameReader;
  /** A frame that has to wait until the target has answered everything. */
  stashed: { readonly type: number; readonly bytes: Buffer } | null;
  held: Held[];
  pending: Pending | null;
  catalogPending: boolean;
  running: Running | null;
  readonly expected: Expected[];
  readonly statements: Map<string, StatementEntry>;
  readonly portals: Map<string, PortalEntry>;
  /**
   * Goes up whenever SQL may have changed prepared statements behind the protocol's back (PREPARE,
   * DEALLOCATE, DISCARD, anything opaque). A statement of an older generation is prepared anew from
   * the text that will be judged, so that a name never means something else to the target.
   */
  generation: number;
  /** After an error in a batch: everything up to the next Sync is skipped, as PostgreSQL does. */
  skipping: boolean;
  /** Extended messages were forwarded since the last Sync. */
  unsynced: boolean;
  /** A Flush is still owed for what was forwarded. */
  unflushed: boolean;
  /** The context may have changed, and must be asked for before anything else is judged. */
  dirty: boolean;
  /** It changed inside the open transaction, whose end may change it back. */
  dirtyInTransaction: boolean;
  catalogStale: boolean;
  /** A statement of the open transaction touched a masked column: deferred errors may speak of it. */
  touchedMasked: boolean;
  ordinal: number;
  planMemo: PlanMemo | null;
  /** Backend bytes that are not a whole frame yet. */
  readonly partial: Buffer[];
  partialBytes: number;
  partialNeeds: number;
  /** Bytes of a row that streams through, still to come. */
  streaming: number;
  clientEnded: boolean;
  ended: boolean;
  readonly toClient: Buffer[];
  readonly toTarget: Buffer[];
  readonly effects: SessionEffect[];
}
