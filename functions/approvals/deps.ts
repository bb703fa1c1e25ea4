/** What the approval handlers, the votes and the Slack actions are handed. Built at each composition root. */
import type { EpochMs, RequestId } from '../../core/brand.ts';
import type { Directory } from './directory.ts';
import type { Keyring } from './seal.ts';
import type { Store } from './store.ts';

/** One JSON line an event: names and ids, never statements. Structurally the proxy's own Log. */
export interface Log {
  readonly info: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly warn: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly error: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/**
 * The clock of the approvals: it times, notifies and expires, and can neither grant nor lose an answer.
 * Every failure of it is survived: the table holds the decision.
 */
export interface Workflow {
  /** Starts the request's execution; a second start of the same request changes nothing. */
  readonly start: (id: RequestId, input: WorkflowInput) => Promise<void>;
  /** Wakes the waiting execution: something has changed. A spent token is not an error. */
  readonly complete: (token: string, output: Readonly<Record<string, string>>) => Promise<void>;
}

/** Ids only: what Step Functions is given is kept in its history. */
export interface WorkflowInput {
  readonly Payload: { readonly id: RequestId };
}

export interface ApprovalsDeps {
  readonly now: () => EpochMs;
  readonly store: Store;
  readonly directory: Directory;
  readonly workflow: Workflow;
  readonly keyring: Keyring;
  readonly log: Log;
}
