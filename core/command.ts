/** The unit that is judged, protocol-neutral. */
import * as v from 'valibot';
import type { CommandId } from './brand.ts';
import type { Facts } from './facts.ts';

/** What else a decision depends on: the session's state at the moment of execution. */
export const SessionContext = v.strictObject({
  database: v.string(),
  /** The role the statement runs as, on the target. */
  role: v.string(),
  searchPath: v.pipe(v.array(v.string()), v.readonly()),
  transaction: v.picklist(['idle', 'open', 'failed']),
  /** Settings that change what a statement means, by lower-case name. */
  settings: v.record(v.string(), v.string()),
});
export type SessionContext = v.InferOutput<typeof SessionContext>;

/** One bound value, as it went over the wire. */
export interface Parameter {
  /** PostgreSQL type OID, 0 when the client left it to the server. */
  readonly type: number;
  readonly format: 'text' | 'binary';
  /** null is SQL NULL. */
  readonly value: Uint8Array | null;
}

/**
 * A command's text fit for storage and for other eyes: masked spans are replaced.
 * `complete` is true when nothing was hidden, so that whoever reads it has seen what will run.
 */
export interface Redacted {
  readonly text: string;
  readonly parameters: readonly string[];
  readonly complete: boolean;
}

export interface Command {
  readonly id: CommandId;
  /** The exact bytes that will be forwarded. */
  readonly frame: Uint8Array;
  /** The statement, unmasked: for classifying and binding; never stored, never logged. */
  readonly text: string;
  readonly parameters: readonly Parameter[];
  readonly resultFormats: readonly number[];
  readonly context: SessionContext;
  readonly facts: Facts;
  readonly redacted: Redacted;
}
