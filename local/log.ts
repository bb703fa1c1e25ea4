/** The running system's log: one JSON line an event, in a file, so that the terminal stays readable. */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Log } from '../proxy/services.ts';

export interface LocalLog extends Log {
  readonly close: () => Promise<void>;
}

export function openLog(file: string): LocalLog {
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
  // A full disk must not bring down a gateway over its log: what it may not lose is in the spool.
  stream.on('error', () => {});
  const write =
    (level: string) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}) => {
      stream.write(
        `${JSON.stringify({ at: new Date().toISOString(), level, event, ...fields })}\n`,
      );
    };
  return {
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    close: async () => {
      stream.end();
      await finished(stream).catch(() => undefined);
    },
  };
}
