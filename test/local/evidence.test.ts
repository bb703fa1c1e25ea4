/** The whole way at home: recorded, archived, signed, and proven with nothing but the public key. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { verifyArchive } from '../../bin/archive/verify.ts';
import { makeArchiveDirectory } from '../../local/archive_directory.ts';
import { startEvidence } from '../../local/evidence.ts';
import { prepareState } from '../../local/state.ts';
import { command, intent, memoryLog, ms, result, session } from '../support/recording.ts';

test('what a run recorded is signed when it ends, run after run', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'sallyport-evidence-'));
  try {
    const state = await prepareState(directory);
    const clock = { now: () => ms(Date.now()), monotonic: () => performance.now() };
    for (let run = 1; run <= 2; run += 1) {
      const log = memoryLog();
      const { recorder, close } = await startEvidence({ state, clock, log });
      const live = session({ at: Date.now() });
      await recorder.start(live);
      const record = command(live.id, 1);
      await recorder.append(live.id, intent(record), 'spool');
      await recorder.append(live.id, result(record), 'async');
      await close();
      expect(log.lines.filter(({ level }) => level !== 'info')).toEqual([]);
      const archive = makeArchiveDirectory(state.archive);
      const publicKeyPem = await readFile(path.join(state.archiveKeys, 'public.pem'), 'utf8');
      const report = await verifyArchive({ archive, publicKeyPem, now: clock.now() });
      expect(report).toMatchObject({
        findings: [],
        objects: { pending: 0 },
        sessions: { ended: run, open: 0 },
        events: run * 4,
      });
    }
    const { mode } = await stat(path.join(state.archiveKeys, 'private.pem'));
    expect(mode & 0o777).toBe(0o600);
  } finally {
    await rm(directory, { recursive: true });
  }
});
