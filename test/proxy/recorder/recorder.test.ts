/** The recorder on a real directory: what its promises mean, and what happens when it cannot keep them. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { checkChain } from '../../../core/recording/chain.ts';
import type { EventBody } from '../../../core/recording/event.ts';
import type { Session } from '../../../core/session.ts';
import type { RecorderLimits } from '../../../proxy/recorder/limits.ts';
import { makeRecorder } from '../../../proxy/recorder/recorder.ts';
import {
  command,
  intent,
  type MemoryStream,
  memoryLog,
  memoryStream,
  ms,
  result,
  session,
  sha256,
} from '../../support/recording.ts';

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'sallyport-spool-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

const QUICK = { lingerMs: 1, retryMs: 1, retryMaxMs: 5, syncTimeoutMs: 100, closeTimeoutMs: 200 };

function open(stream: MemoryStream, limits: Partial<RecorderLimits> = {}) {
  const log = memoryLog();
  const clock = { now: () => ms(Date.now()) };
  const recorder = makeRecorder({
    spoolDirectory: directory,
    stream,
    clock,
    log,
    limits: { ...QUICK, ...limits },
  });
  return { recorder, log };
}

const spooled = () =>
  fs
    .readdirSync(directory)
    .filter((name) => name.endsWith('.spool'))
    .map((name) => fs.readFileSync(path.join(directory, name), 'utf8'))
    .join('');

/** The session's chain as the stream has it: without a fault, and these kinds of events. */
function expectChain(stream: MemoryStream, { id }: Session, kinds: readonly EventBody['kind'][]) {
  const events = stream.events().filter((event) => event.session === id);
  const report = checkChain(sha256, id, events);
  expect(report.faults).toEqual([]);
  expect(report.events.map(({ body }) => body.kind)).toEqual(kinds);
  return report.events;
}

const WHOLE = ['session.start', 'command.intent', 'command.result', 'session.end'] as const;

async function runOne(recorder: ReturnType<typeof open>['recorder'], live: Session, ordinal = 1) {
  const record = command(live.id, ordinal);
  await recorder.append(live.id, intent(record), 'spool');
  await recorder.append(live.id, result(record), 'async');
}

describe('a session', () => {
  test('arrives in the stream as one whole chain', async () => {
    const stream = memoryStream();
    const { recorder, log } = open(stream);
    const live = session();
    await recorder.start(live);
    await runOne(recorder, live);
    await recorder.end(live.id, 'client left');
    await recorder.close();
    const events = expectChain(stream, live, WHOLE);
    expect(events.at(-1)?.body).toEqual({
      kind: 'session.end',
      reason: 'client left',
      commands: 1,
    });
    expect(events[0]?.who).toMatchObject({ principal: 'ana@example.com', target: 'orders' });
    expect(log.lines).toEqual([]);
    expect(spooled()).toBe('');
  });

  test('that is open when the recorder closes is ended', async () => {
    const stream = memoryStream();
    const { recorder } = open(stream);
    const live = session();
    await recorder.start(live);
    await recorder.append(live.id, intent(command(live.id, 1)), 'spool');
    await recorder.close();
    const events = expectChain(stream, live, WHOLE);
    expect(events.at(2)?.body).toMatchObject({ outcome: { status: 'unknown' } });
    expect(events.at(-1)?.body).toMatchObject({ reason: 'proxy stopped', commands: 1 });
  });

  test('takes nothing before its start, or after its end', async () => {
    const { recorder } = open(memoryStream());
    const live = session();
    const append = () => recorder.append(live.id, intent(command(live.id, 1)), 'spool');
    await expect(append()).rejects.toMatchObject({ code: 'ERR_RECORDING_FAILED' });
    await recorder.start(live);
    await append();
    await recorder.end(live.id, 'client left');
    await expect(append()).rejects.toMatchObject({ code: 'ERR_RECORDING_FAILED' });
    await recorder.close();
  });

  test('has no end of commands: files rotate, and are deleted once shipped', async () => {
    const stream = memoryStream();
    const { recorder } = open(stream, { fileBytes: 4_000 });
    const live = session();
    await recorder.start(live);
    for (let ordinal = 1; ordinal <= 40; ordinal += 1) await runOne(recorder, live, ordinal);
    await vi.waitFor(() => expect(stream.events()).toHaveLength(81));
    await vi.waitFor(() => expect(fs.readdirSync(directory).length).toBeLessThanOrEqual(3));
    await recorder.close();
    expectChain(stream, live, [
      'session.start',
      ...Array.from({ length: 40 }, () => ['command.intent', 'command.result'] as const).flat(),
      'session.end',
    ]);
  });
});

describe('mode', () => {
  test('spool: the write has returned before the append does, whatever the stream does', async () => {
    const stream = memoryStream();
    stream.failing = () => Promise.reject(new Error('down'));
    const { recorder } = open(stream);
    const live = session();
    await recorder.start(live);
    await recorder.append(live.id, intent(command(live.id, 1)), 'spool');
    expect(spooled()).toContain(`"command":"${live.id}.1"`);
    stream.failing = null;
    await recorder.end(live.id, 'client left');
    await recorder.close();
    expectChain(stream, live, WHOLE);
  });

  test('sync: the stream has it before the append returns', async () => {
    const stream = memoryStream();
    const { recorder } = open(stream, { lingerMs: 60_000 });
    const live = session({ record: 'sync' });
    await recorder.start(live);
    expect(stream.events()).toHaveLength(1);
    await recorder.append(live.id, intent(command(live.id, 1)), 'sync');
    expect(stream.events()).toHaveLength(2);
    await recorder.close();
  });

  test('sync: a stream that does not answer in time stops the session, and the record says so', async () => {
    const stream = memoryStream();
    const { recorder } = open(stream);
    const live = session();
    await recorder.start(live);
    await vi.waitFor(() => expect(stream.events()).toHaveLength(1));
    stream.failing = () => Promise.reject(new Error('down'));
    const first = recorder.append(live.id, intent(command(live.id, 1)), 'sync');
    await expect(first).rejects.toMatchObject({ code: 'ERR_RECORDING_FAILED' });
    const second = recorder.append(live.id, intent(command(live.id, 2)), 'spool');
    await expect(second).rejects.toMatchObject({ code: 'ERR_RECORDING_FAILED' });
    stream.failing = null;
    await recorder.end(live.id, 'recording failed');
    await recorder.close();
    const kinds = ['session.start', 'command.intent', 'command.refused', 'session.end'] as const;
    const events = expectChain(stream, live, kinds);
    expect(events[2]?.body).toMatchObject({
      record: { refusal: expect.stringContaining('did not confirm') as string },
    });
  });
});

describe('a promise that cannot be kept', () => {
  test('a full spool refuses, and takes new sessions once the stream has caught up', async () => {
    const stream = memoryStream();
    stream.failing = () => Promise.reject(new Error('down'));
    const { recorder, log } = open(stream, { spoolBytes: 6_000, fileBytes: 1_000 });
    const live = session();
    await recorder.start(live);
    const fill = async () => {
      for (let ordinal = 1; ordinal <= 10; ordinal += 1) await runOne(recorder, live, ordinal);
    };
    await expect(fill()).rejects.toMatchObject({ code: 'ERR_RECORDING_FAILED' });
    expect(log.names()).toContain('recorder.spool.write_failed');
    stream.failing = null;
    await vi.waitFor(() => expect(spooled().length).toBeLessThan(1_500));
    await recorder.end(live.id, 'recording failed');
    const next = session();
    await recorder.start(next);
    await recorder.end(next.id, 'client left');
    await recorder.close();
    expectChain(stream, next, ['session.start', 'session.end']);
    const ids = stream.events().filter((event) => event.session === live.id);
    expect(checkChain(sha256, live.id, ids).faults).toEqual([]);
  });

  test('a spool that cannot be written refuses the session, and recovers with the disk', async () => {
    const stream = memoryStream();
    const { recorder } = open(stream, { fileBytes: 1 });
    const live = session();
    await recorder.start(live);
    const away = `${directory}.away`;
    fs.renameSync(directory, away);
    await recorder.append(live.id, intent(command(live.id, 1)), 'spool');
    const lost = recorder.append(live.id, result(command(live.id, 1)), 'spool');
    await expect(lost).rejects.toMatchObject({ code: 'ERR_RECORDING_FAILED' });
    fs.renameSync(away, directory);
    await recorder.end(live.id, 'recording failed');
    await recorder.close();
    const events = stream.events().filter((event) => event.session === live.id);
    expect(checkChain(sha256, live.id, events).faults).toEqual([]);
  });

  test('an event above the limit of the stream is refused before it is forwarded', async () => {
    const { recorder } = open(memoryStream());
    const live = session();
    await recorder.start(live);
    const record = command(live.id, 1, { parameters: ['x'.repeat(1_000_000)] });
    const append = recorder.append(live.id, intent(record), 'spool');
    await expect(append).rejects.toThrow(/1000\d\d\d bytes: the limit is 1000000/);
    await recorder.close();
  });

  test('a session that cannot be recorded does not begin', async () => {
    const stream = memoryStream();
    stream.failing = () => Promise.reject(new Error('down'));
    const { recorder } = open(stream);
    const live = session({ record: 'sync' });
    await expect(recorder.start(live)).rejects.toMatchObject({ code: 'ERR_RECORDING_FAILED' });
    stream.failing = null;
    await recorder.close();
    expectChain(stream, live, ['session.start', 'session.end']);
  });
});

describe('damage', () => {
  async function leaveBehind(): Promise<Session> {
    const stream = memoryStream();
    stream.failing = () => Promise.reject(new Error('down'));
    const { recorder } = open(stream);
    const live = session();
    await recorder.start(live);
    await runOne(recorder, live);
    await recorder.end(live.id, 'client left');
    await recorder.close();
    return live;
  }

  const spoolFile = () => {
    const name = fs.readdirSync(directory).find((entry) => entry.endsWith('.spool'));
    return path.join(directory, name ?? 'there is none');
  };

  test('a torn tail is noticed, and costs nothing that was acknowledged', async () => {
    const live = await leaveBehind();
    fs.appendFileSync(spoolFile(), '0badc0de {"at":17');
    const stream = memoryStream();
    const { recorder, log } = open(stream);
    await recorder.close();
    expectChain(stream, live, WHOLE);
    expect(log.names().filter((name) => name === 'recorder.spool.torn_tail')).toHaveLength(1);
  });

  test('a changed line is kept beside the spool and never shipped', async () => {
    const live = await leaveBehind();
    const file = spoolFile();
    const text = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(file, text.replace('select * from orders', 'select * from others'));
    const stream = memoryStream();
    const { recorder, log } = open(stream);
    await recorder.close();
    expect(log.names().filter((name) => name === 'recorder.spool.corrupt_line')).toHaveLength(1);
    expect(fs.readFileSync(`${file}.corrupt`, 'utf8')).toContain('others');
    const events = stream.events().filter((event) => event.session === live.id);
    expect(checkChain(sha256, live.id, events).faults).toEqual([
      { kind: 'dropped', seq: 1, count: 1 },
    ]);
  });

  test('a spool belongs to one process', () => {
    fs.writeFileSync(path.join(directory, 'owner.pid'), `${process.ppid}\n`);
    expect(() => open(memoryStream())).toThrow(/belongs to process/);
  });
});
