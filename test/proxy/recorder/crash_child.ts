/**
 * Run by crash.test.ts and killed in the middle of its work: eight sessions, each command announced,
 * "run" (a line on stdout) and answered. The stream takes every second batch and loses the answer of some.
 */
import { appendFileSync } from 'node:fs';
import { makeRecorder } from '../../../proxy/recorder/recorder.ts';
import type { EventStream } from '../../../proxy/recorder/stream.ts';
import { command, intent, memoryLog, ms, result, session } from '../../support/recording.ts';

const [spoolDirectory = '', streamFile = ''] = process.argv.slice(2);

let puts = 0;
const stream: EventStream = {
  put: async (records) => {
    puts += 1;
    await new Promise((resolve) => setTimeout(resolve, 3));
    if (puts % 2 === 0) throw new Error('throttled');
    for (const { data } of records) appendFileSync(streamFile, data);
    if (puts % 5 === 0) throw new Error('the answer was lost');
  },
};

const recorder = makeRecorder({
  spoolDirectory,
  stream,
  clock: { now: () => ms(Date.now()) },
  log: memoryLog(),
  limits: { lingerMs: 1, retryMs: 1, retryMaxMs: 2, fileBytes: 20_000 },
});

async function work(): Promise<void> {
  const live = session({ at: Date.now() });
  await recorder.start(live);
  for (let ordinal = 1; ; ordinal += 1) {
    const record = command(live.id, ordinal);
    await recorder.append(live.id, intent(record), 'spool');
    // From here on the command counts as executed: its intent must reach the archive.
    process.stdout.write(`${record.command}\n`);
    await recorder.append(live.id, result(record), 'async');
  }
}

await Promise.all(Array.from({ length: 8 }, work));
