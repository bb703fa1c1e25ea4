/** Where the record of this machine goes: from the spool, through the archive's Lambda, into a directory. */
import { makeHandler } from '../functions/archive/handler.ts';
import { sha256Native } from '../functions/archive/sha256.ts';
import { makeRecorder } from '../proxy/recorder/recorder.ts';
import type { Clock, Log, Recorder } from '../proxy/services.ts';
import { makeArchiveDirectory } from './archive_directory.ts';
import type { State } from './state.ts';
import { makeLocalStream } from './stream.ts';
import { throughJson } from './through_json.ts';

export interface Evidence {
  readonly recorder: Recorder;
  /** Ends open recordings and waits until the archive has all of the spool. */
  readonly close: () => Promise<void>;
}

export interface EvidenceOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
}

export function startEvidence({ state, clock, log }: EvidenceOptions): Evidence {
  const archive = makeArchiveDirectory(state.archive);
  const handler = throughJson(makeHandler({ archive, sha256: sha256Native, log }));
  const stream = makeLocalStream({ handler, now: clock.now });
  const recorder = makeRecorder({ spoolDirectory: state.spool, stream, clock, log });
  return { recorder, close: () => recorder.close() };
}
