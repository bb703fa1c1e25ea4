/**
 * Operational failures. Expected outcomes are return values, and bugs are assertions: neither is here.
 * Switch on `code`, never on a message. Messages: sentence case, no full stop, what was got and what to do.
 */

/** Every code, so that a switch over them can be exhaustive. */
export type GatewayErrorCode =
  | 'ERR_CONFIG_INVALID'
  | 'ERR_PORT_BUSY'
  | 'ERR_PROTOCOL_VIOLATION'
  | 'ERR_LIMIT_EXCEEDED'
  | 'ERR_IDENTITY_REFUSED'
  | 'ERR_IDENTITY_UNAVAILABLE'
  | 'ERR_DECIDE_UNAVAILABLE'
  | 'ERR_APPROVALS_UNAVAILABLE'
  | 'ERR_RECORDING_FAILED'
  | 'ERR_TARGET_UNAVAILABLE'
  | 'ERR_TARGET_REFUSED'
  | 'ERR_POLICY_INVALID'
  | 'ERR_ARCHIVE_CORRUPT'
  | 'ERR_ARCHIVE_UNAVAILABLE'
  | 'ERR_NOT_FOUND';

export class GatewayError extends Error {
  readonly code: GatewayErrorCode;
  /** What the reader can do about it, one sentence; '' where nothing helps. */
  readonly hint: string;

  constructor(
    code: GatewayErrorCode,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.hint = options.hint ?? '';
  }
}

/** Closes an exhaustive switch: reaching it is a bug, and closes the session. */
export function assertNever(value: never): never {
  throw new Error(`Unreachable: ${JSON.stringify(value)}`);
}

/** A broken invariant is a bug; the session that meets it is closed. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${invariant}`);
}
