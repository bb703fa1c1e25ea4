/** kill -9 in the middle of the work: nothing that was acknowledged is lost, and every chain is closed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { SessionId } from '../../../core/brand.ts';
import { checkChain } from '../../../core/recording/chain.ts';
import type { RecordedEvent } from '../../../core/recording/event.ts';
import { makeRecorder } from '../../../proxy/recorder/recorder.ts';
import { eventsOf, memoryLog, memoryStream, ms, sha256 } from '../../support/recording.ts';

const CHILD = fileURLToPath(new URL('crash_child.ts', import.meta.url));
const COMMANDS_BEFORE_THE_KILL = 400;

/** The ids of the commands that the child ran before it was killed. */
async function runAndKill(spool: string, streamFile: string): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CHILD, spool, streamFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > COMMANDS_BEFORE_THE_KILL) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  // The last line may be half of one.
  return output.split('\n').slice(0, -1);
}

function bySession(events: readonly RecordedEvent[]): ReadonlyMap<SessionId, RecordedEvent[]> {
  return Map.groupBy(events, (event) => event.session);
}

test('a killed process loses no command, and the next one closes what it left', async () => {
  const directory = fs.mkdtempSync(path.join(tmpdir(), 'sallyport-crash-'));
  try {
    const spool = path.join(directory, 'spool');
    const streamFile = path.join(directory, 'stream');
    const ran = await runAndKill(spool, streamFile);
    const stream = memoryStream();
    const log = memoryLog();
    const clock = { now: () => ms(Date.now()) };
    const recorder = makeRecorder({ spoolDirectory: spool, stream, clock, log });
    await recorder.close();

    const archived = [...eventsOf(fs.readFileSync(streamFile)), ...stream.events()];
    const intents = new Set(
      archived.flatMap(({ body }) => (body.kind === 'command.intent' ? body.record.command : [])),
    );
    expect(ran.filter((id) => !intents.has(id as never))).toEqual([]);
    expect(log.names()).toContain('recorder.sessions_left_open');
    const sessions = bySession(archived);
    expect(sessions.size).toBe(8);
    for (const [id, events] of sessions) {
      const report = checkChain(sha256, id, events);
      expect(report.faults).toEqual([]);
      expect(report.events.at(-1)?.body).toMatchObject({ reason: 'proxy restarted' });
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
});
