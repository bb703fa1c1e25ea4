/**
 * What the classifier tells the machine of one message of SQL text (a Query, or a Parse).
 * Types only: classify.ts makes them, machine.ts and rewrite.ts live by them.
 */
import type { SessionContext } from '../../../core/command.ts';
import type { Facts } from '../../../core/facts.ts';
import type { Target } from '../../../core/target.ts';

/** Where an output column's value may come from. */
export interface OutputSource {
  /** Every `schema.relation.column` it may depend on; `schema.relation.*` for a whole row. */
  readonly columns: readonly string[];
  /** True where the classifier cannot tell: then any masked column may be in it. */
  readonly unsure: boolean;
}

/** The outputs of one statement, by position; null where their number is not known from the text. */
export type Outputs = readonly OutputSource[] | null;

/** A stretch of the statement's text, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A change that a statement makes to the session context once it has succeeded. */
export type ContextChange =
  | { readonly kind: 'set'; readonly name: string; readonly value: string; readonly local: boolean }
  /** One setting by name, or `all` of them. */
  | { readonly kind: 'reset'; readonly name: string }
  | { readonly kind: 'transaction'; readonly verb: 'begin' | 'commit' | 'rollback' | 'savepoint' }
  | { readonly kind: 'catalog' };

/** One statement of the message. Each is answered by exactly one CommandComplete or EmptyQueryResponse. */
export interface ParsedStatement {
  /** The grammar's name, e.g. `SELECT`. */
  readonly tag: string;
  readonly outputs: Outputs;
  readonly changes: readonly ContextChange[];
  /** True where the answer is, or asks for, a COPY stream. */
  readonly copies: boolean;
}

/** A value written to, or compared with, a masked column: a literal's text, or parameter `$n`. */
export type MaskedWrite =
  | { readonly column: string; readonly literal: string }
  | { readonly column: string; readonly parameter: number };

export type Classified =
  | {
      readonly kind: 'parsed';
      readonly statements: readonly ParsedStatement[];
      /** Of the whole message: the command is judged as one. */
      readonly facts: Facts;
      /** Literals that belong to masked columns, or may: replaced wherever the text is shown or kept. */
      readonly redact: readonly Span[];
      /** Parameters ($1 is 1) that belong to masked columns, or may. */
      readonly redactParameters: 'all' | readonly number[];
      /** Values about to be written into masked columns: one that equals a mask is refused. */
      readonly writes: readonly MaskedWrite[];
      /** True where the statement touches a masked column: error texts then lose their values. */
      readonly touchesMasked: boolean;
    }
  /** The parser refused the text: `message` and `position` (1-based characters) as PostgreSQL gives them. */
  | { readonly kind: 'syntax-error'; readonly message: string; readonly position: number }
  /** Too long, too deep, or the parser failed: refused with 54001 or 54000. */
  | { readonly kind: 'unreadable'; readonly message: string };

export interface Classifier {
  /** Synchronous and remembered by text and context; never throws. */
  readonly classify: (text: string, context: SessionContext) => Classified;
}

/** The relations, columns and functions of one database at one moment. */
export interface Catalog {
  /** Goes up with every snapshot. */
  readonly epoch: number;
  /** Every base `schema.relation.column` behind (table OID, attribute number), views closed over. */
  readonly sources: (tableOid: number, attribute: number) => OutputSource;
  readonly classifier: Classifier;
}

/** Loads and keeps snapshots of a target's catalog over the gateway's own connection. */
export interface Catalogs {
  /** The newest snapshot; loads the first one. Rejects with ERR_TARGET_UNAVAILABLE. */
  readonly current: (target: Target) => Promise<Catalog>;
  /** A snapshot younger than this call: after DDL was seen, or an unknown relation was met. */
  readonly refresh: (target: Target) => Promise<Catalog>;
  readonly close: () => Promise<void>;
}
