/** Every bound of the recorder, with where it comes from. */
export interface RecorderLimits {
  /** Largest event as JSON, bytes. */
  readonly eventBytes: number;
  /** Bytes accepted but not yet written to the spool. */
  readonly pendingBytes: number;
  /** A spool file is closed, and the next one begun, above this size. */
  readonly fileBytes: number;
  /** Bytes on disk that the stream has not acknowledged. Above it, recording stops and says so. */
  readonly spoolBytes: number;
  /** How long a background event may wait for company before it is shipped. */
  readonly lingerMs: number;
  /** How long `sync` waits for the stream before the command is refused. */
  readonly syncTimeoutMs: number;
  /** How long `close` waits for the stream; what is left then stays in the spool for the next start. */
  readonly closeTimeoutMs: number;
  /** First and longest pause between attempts to ship. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
}

export const RECORDER_LIMITS: RecorderLimits = {
  // Kinesis records are at most 1 MiB unless a stream is configured for more, partition key included:
  // https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
  eventBytes: 1_000_000,
  pendingBytes: 32 * 1024 * 1024,
  fileBytes: 16 * 1024 * 1024,
  // A Fargate task has 20 GiB of ephemeral storage; this leaves room for everything else.
  spoolBytes: 4 * 1024 * 1024 * 1024,
  // With the local stream's own pause and the archiver's write, well inside the promised 5 s.
  lingerMs: 250,
  syncTimeoutMs: 5_000,
  closeTimeoutMs: 5_000,
  retryMs: 100,
  retryMaxMs: 5_000,
};
