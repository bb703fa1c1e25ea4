/** Where evidence is kept: a bucket in AWS, a directory at home. Nothing is ever changed or deleted. */
import type { ArchiveReader } from '../../core/recording/verify.ts';

export type Put = 'created' | 'exists';

export interface Archive extends ArchiveReader {
  /**
   * Writes an object once: `exists` leaves what is there alone. Resolves when it is durable.
   * @throws GatewayError ERR_ARCHIVE_UNAVAILABLE
   */
  readonly putOnce: (key: string, bytes: Uint8Array) => Promise<Put>;
}

/** One JSON line an event: names and keys, never content. Structurally the proxy's own Log. */
export interface Log {
  readonly info: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly warn: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly error: (event: string, fields?: Readonly<Record<string, unknown>>) => void;
}
