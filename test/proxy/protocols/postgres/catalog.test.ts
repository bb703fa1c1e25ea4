import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCatalogs, SNAPSHOT_AGE_MAX_MS } from '../../../../proxy/protocols/postgres/catalog.ts';
import type { Clock, Log, Upstream } from '../../../../proxy/services.ts';
import { type Demo, startDemo, TARGET } from './demo.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo();
}, 60_000);
afterAll(() => demo.stop());

/** A catalog under a clock that the test moves, with what it logged. */
function rig(upstream: () => Promise<Upstream>) {
  let now = 0;
  const logged: string[] = [];
  const note = (event: string) => void logged.push(event);
  const clock: Clock = { now: () => now as ReturnType<Clock['now']>, monotonic: () => now };
  const log: Log = { info: note, warn: note, error: note };
  const catalogs = makeCatalogs({
    upstreams: { forTarget: upstream, refused: () => {} },
    clock,
    log,
  });
  const pass = (milliseconds: number) => {
    now += milliseconds;
  };
  return { catalogs, logged, pass };
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('the catalogs of targets', () => {
  test('callers at one time share one load', async () => {
    const { catalogs, logged } = rig(async () => demo.upstream);
    const [first, second] = await Promise.all([catalogs.current(TARGET), catalogs.current(TARGET)]);
    expect(second).toBe(first);
    expect(await catalogs.current(TARGET)).toBe(first);
    expect(logged).toEqual(['catalog.loaded']);
    await catalogs.close();
  });

  test('an old snapshot serves on while its successor loads', async () => {
    const { catalogs, pass } = rig(async () => demo.upstream);
    const first = await catalogs.current(TARGET);
    pass(SNAPSHOT_AGE_MAX_MS);
    expect(await catalogs.current(TARGET)).toBe(first);
    pass(1);
    expect(await catalogs.current(TARGET)).toBe(first);
    await expect
      .poll(async () => (await catalogs.current(TARGET)).epoch)
      .toBeGreaterThan(first.epoch);
    await catalogs.close();
  });

  test('a target that does not answer is unavailable, and says what to do', async () => {
    const port = await closedPort();
    const { catalogs } = rig(async () => ({ ...demo.upstream, port }));
    await expect(catalogs.current(TARGET)).rejects.toMatchObject({
      code: 'ERR_TARGET_UNAVAILABLE',
      message: 'The catalog of target orders cannot be read',
    });
  });

  test('so is one whose credential is refused, or cannot be had', async () => {
    const refused = rig(async () => ({ ...demo.upstream, password: 'wrong' }));
    await expect(refused.catalogs.current(TARGET)).rejects.toMatchObject({
      code: 'ERR_TARGET_UNAVAILABLE',
    });
    const missing = rig(async () => {
      throw new Error('no secret');
    });
    await expect(missing.catalogs.refresh(TARGET)).rejects.toMatchObject({
      code: 'ERR_TARGET_UNAVAILABLE',
    });
  });

  test('a failed load is tried again; a failed refresh keeps what there is, and is logged', async () => {
    let up = false;
    const { catalogs, logged, pass } = rig(async () => {
      if (!up) throw new Error('down');
      return demo.upstream;
    });
    await expect(catalogs.current(TARGET)).rejects.toThrow();
    up = true;
    const first = await catalogs.current(TARGET);
    up = false;
    pass(SNAPSHOT_AGE_MAX_MS + 1);
    expect(await catalogs.current(TARGET)).toBe(first);
    await expect.poll(() => logged).toContain('catalog.refresh-failed');
    expect(await catalogs.current(TARGET)).toBe(first);
    await sleep(0);
    await catalogs.close();
  });

  test('a masked column that is not there is logged: what took its place is in the open', async () => {
    const { catalogs, logged } = rig(async () => demo.upstream);
    const columns = [{ column: 'public.customers.emial', style: 'full' as const }];
    await catalogs.current({ ...TARGET, masks: { columns, detectors: [] } });
    expect(logged).toContain('catalog.masked-column-missing');
    await catalogs.close();
  });
});
