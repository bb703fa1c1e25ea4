/** The gate with the recorder that runs: what of a held command is in the session's chain. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RecordedEvent } from '../../../core/recording/event.ts';
import { makeRecorder } from '../../../proxy/recorder/recorder.ts';
import {
  ALICE,
  APPROVE,
  CANARY,
  commandOf,
  HOLD,
  makeGateWorld,
  nameOf,
  type Script,
} from '../../support/gate_world.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-gate-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function startWorld(script: Script, fails = false) {
  const lines: string[] = [];
  const quiet = { info: () => {}, warn: () => {}, error: () => {} };
  const recorder = makeRecorder({
    spoolDirectory: directory,
    stream: {
      put: async (records) => {
        if (fails) throw new Error('The stream is down');
        for (const { data } of records)
          lines.push(...Buffer.from(data).toString().trim().split('\n'));
      },
    },
    clock: { now: () => ALICE.startedAt },
    log: quiet,
    limits: { syncTimeoutMs: 100, closeTimeoutMs: 100 },
  });
  await recorder.start(ALICE);
  const world = makeGateWorld({ ...script, recorder });
  const recorded = async () => {
    await recorder.close();
    const events = lines.map((line) => JSON.parse(line) as RecordedEvent);
    expect(lines.join('\n')).not.toContain(CANARY);
    return events.map(({ body }) => (body.kind === 'approval.step' ? body.status : body.kind));
  };
  return { world, recorder, recorded };
}

test('approved: every step, the intent, the result', async () => {
  const { world, recorder, recorded } = await startWorld({
    decisions: [HOLD],
    thereupon: [APPROVE],
  });
  expect(nameOf(await world.admit())).toBe('permitted');
  const masked = [] as const;
  const outcome = {
    status: 'succeeded',
    sqlState: '',
    rows: 1,
    bytes: 0,
    durationMs: 1,
    masked,
  } as const;
  world.gate.settle(ALICE, commandOf().id, outcome);
  await recorder.end(ALICE.id, 'the client left');
  expect(await recorded()).toEqual([
    'session.start',
    'requested',
    'vote',
    'approved',
    'consumed',
    'command.intent',
    'command.result',
    'session.end',
  ]);
});

test('the client leaves and the session ends at once: the withdrawal is in it all the same', async () => {
  const { world, recorder, recorded } = await startWorld({ decisions: [HOLD] });
  const ended = new Promise<void>((resolve) => {
    world.told.onNotice = () => {
      setImmediate(() => {
        // As the adapter does it: abort, and the record's end in the next turn.
        world.leave();
        setImmediate(() => void recorder.end(ALICE.id, 'the client left').then(resolve));
      });
    };
  });
  expect(nameOf(await world.admit())).toBe('approval-withdrawn');
  await ended;
  expect(await recorded()).toEqual([
    'session.start',
    'requested',
    'withdrawn',
    'command.refused',
    'session.end',
  ]);
});

test('a stream that does not confirm: approved, and yet not run, and the card says so', async () => {
  const { world, recorder } = await startWorld({ decisions: [HOLD], thereupon: [APPROVE] }, true);
  expect(nameOf(await world.admit())).toBe('recording-failed');
  await world.gate.settled();
  const [request] = [...world.requests.values()];
  expect([request?.status, request?.outcome]).toEqual(['consumed', 'failed']);
  await recorder.close();
});
