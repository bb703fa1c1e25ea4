/** Where the record of this machine goes: from the spool into the archive's directory. */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeRecorder } from '../proxy/recorder/recorder.ts';
import type { EventStream } from '../proxy/recorder/stream.ts';
import type { Clock, Log, Recorder } from '../proxy/services.ts';
import type { State } from './state.ts';

export interface Evidence {
  readonly recorder: Recorder;
  readonly close: () => Promise<void>;
}

export interface EvidenceOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
}

export async function startEvidence({ state, clock, log }: EvidenceOptions): Promise<Evidence> {
  const directory = path.join(state.archive, 'incoming');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const stream = makeDirectoryStream(directory, clock);
  const recorder = makeRecorder({ spoolDirectory: state.spool, stream, clock, log });
  return { recorder, close: () => recorder.close() };
}

/** Batches as they come, one file each, named by the time and never written twice. */
function makeDirectoryStream(directory: string, clock: Clock): EventStream {
  return {
    put: async (records) => {
      const file = path.join(directory, `${clock.now()}-${randomUUID()}.ndjson`);
      const bytes = Buffer.concat(records.map((record) => record.data));
      await writeFile(file, bytes, { flag: 'wx', mode: 0o600 });
    },
  };
}
