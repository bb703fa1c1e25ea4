/** Stopping: in order, whatever fails, and never longer than the task is given. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { planStop, type Stoppable, stopAll } from '../../proxy/drain.ts';

describe('planStop', () => {
  it.each([30, 45, 90, 120])('fits %i s, most of it for the recorder', (seconds) => {
    const { sessionsMs, recorderMs, allMs } = planStop(seconds);
    expect(sessionsMs + recorderMs).toBeLessThan(allMs);
    expect(allMs).toBeLessThan(seconds * 1_000);
    expect(recorderMs).toBeGreaterThan(sessionsMs);
    expect(sessionsMs).toBeGreaterThan(0);
  });
});

describe('stopAll', () => {
  interface Case {
    readonly parts: readonly Stoppable['stop'][];
    readonly deadlineMs?: number;
  }
  const run = async ({ parts, deadlineMs = 1_000 }: Case) => {
    const seen: string[] = [];
    const note = (event: string, fields = {}) => {
      seen.push(`${event} ${JSON.stringify(fields)}`);
    };
    const log = { info: note, warn: note, error: note };
    const named = parts.map((stop, index) => ({
      name: `part ${index}`,
      stop: async () => {
        seen.push(`${index}`);
        await stop();
      },
    }));
    return { clean: await stopAll(named, deadlineMs, log), seen };
  };
  const fine = () => undefined;

  it('stops one after the other', async () => {
    let first = false;
    const slow = async () => {
      await sleep(5);
      first = true;
    };
    const second = () => expect(first).toBe(true);
    expect(await run({ parts: [slow, second] })).toEqual({ clean: true, seen: ['0', '1'] });
  });

  it('goes on where one fails, and says so', async () => {
    const broken = () => Promise.reject(new Error('stuck'));
    expect(await run({ parts: [fine, broken, fine] })).toEqual({
      clean: false,
      seen: ['0', '1', 'proxy.stop_failed {"part":"part 1","error":"Error: stuck"}', '2'],
    });
  });

  it('gives up at the deadline, and names what it waited for', async () => {
    const never = () => new Promise<void>(() => undefined);
    expect(await run({ parts: [fine, never, fine], deadlineMs: 20 })).toEqual({
      clean: false,
      seen: ['0', '1', 'proxy.stop_late {"part":"part 1","deadlineMs":20}'],
    });
  });
});
