/** Where the record of this machine goes: from the spool, through the archive's Lambda, into a directory. */
import { makeHandler as makeDigestHandler } from '../functions/archive/digest.ts';
import { makeHandler } from '../functions/archive/handler.ts';
import { sha256Native } from '../functions/archive/sha256.ts';
import { makeRecorder } from '../proxy/recorder/recorder.ts';
import type { Clock, Log, Recorder } from '../proxy/services.ts';
import { makeArchiveDirectory } from './archive_directory.ts';
import { openDigestKey } from './digest_key.ts';
import { startDigests } from './digests.ts';
import type { State } from './state.ts';
import { makeLocalStream } from './stream.ts';
import { throughJson } from './through_json.ts';

export interface Evidence {
  readonly recorder: Recorder;
  /** Ends open recordings, waits until the archive has all of the spool, and signs what is there. */
  readonly close: () => Promise<void>;
}

export interface EvidenceOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
}

export async function startEvidence({ state, clock, log }: EvidenceOptions): Promise<Evidence> {
  const signer = await openDigestKey(state.archiveKeys);
  const archive = makeArchiveDirectory(state.archive);
  const handler = throughJson(makeHandler({ archive, sha256: sha256Native, log }));
  const stream = makeLocalStream({ handler, now: clock.now });
  const recorder = makeRecorder({ spoolDirectory: state.spool, stream, clock, log });
  const digests = startDigests({
    handler: makeDigestHandler({
      archive,
      signer,
      sha256: sha256Native,
      now: clock.now,
      log,
      signsEmpty: false,
    }),
    log,
  });
  return {
    recorder,
    close: async () => {
      await recorder.close();
      await digests.close();
    },
  };
}
