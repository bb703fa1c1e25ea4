/**
 * Branded primitives: a value that was checked once, at the edge, and is trusted inside.
 * Only the functions of this file and the schemas that call them make a brand.
 */
import * as v from 'valibot';

/** Milliseconds since 1970-01-01T00:00:00Z. Always read from an injected clock. */
export const EpochMs = v.pipe(v.number(), v.integer(), v.minValue(0), v.brand('EpochMs'));
export type EpochMs = v.InferOutput<typeof EpochMs>;

/** Lower-case hexadecimal SHA-256, 64 characters. */
export const Sha256Hex = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/), v.brand('Sha256Hex'));
export type Sha256Hex = v.InferOutput<typeof Sha256Hex>;

/** Minted by the gateway when a client connects: `ses_` and a ULID. Never taken from a client. */
export const SessionId = v.pipe(
  v.string(),
  v.regex(/^ses_[0-9A-HJKMNP-TV-Z]{26}$/),
  v.brand('SessionId'),
);
export type SessionId = v.InferOutput<typeof SessionId>;

/** One command of a session: the session's id, a dot and the command's ordinal from 1. */
export const CommandId = v.pipe(
  v.string(),
  v.regex(/^ses_[0-9A-HJKMNP-TV-Z]{26}\.[1-9][0-9]{0,14}$/),
  v.brand('CommandId'),
);
export type CommandId = v.InferOutput<typeof CommandId>;

/** One approval request: `apr_` and a ULID. Also the name of its workflow execution. */
export const RequestId = v.pipe(
  v.string(),
  v.regex(/^apr_[0-9A-HJKMNP-TV-Z]{26}$/),
  v.brand('RequestId'),
);
export type RequestId = v.InferOutput<typeof RequestId>;

/** Names one published set of policies: the SHA-256 of its canonical text. */
export const PolicyVersion = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(64),
  v.brand('PolicyVersion'),
);
export type PolicyVersion = v.InferOutput<typeof PolicyVersion>;
