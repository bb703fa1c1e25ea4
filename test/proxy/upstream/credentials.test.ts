/** Credentials of targets: read when needed, kept for a time, read again when refused, never shown. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { EpochMs } from '../../../core/brand.ts';
import type { Target } from '../../../core/target.ts';
import type { Upstream } from '../../../proxy/services.ts';
import {
  CREDENTIAL_COOLDOWN_MS,
  CREDENTIAL_FRESH_MS,
  CREDENTIAL_OUTAGE_MS,
  type SecretText,
  staticUpstreams,
  storedUpstreams,
} from '../../../proxy/upstream/credentials.ts';

const ORDERS: Target = {
  name: 'orders',
  protocol: 'postgres',
  environment: 'test',
  masks: { columns: [], detectors: [] },
  safeFunctions: [],
  record: 'spool',
};
const PASSWORD = 'hunter2-canary';

const secretOf = (password: string): SecretText => ({
  kind: 'secret',
  text: JSON.stringify({ username: 'gateway', password, engine: 'postgres' }),
});

/** A store whose answers the test decides, and a clock that it moves. */
function makeWorld() {
  let now = 0;
  const world = {
    answer: async (): Promise<SecretText> => secretOf(PASSWORD),
    reads: 0,
    logged: [] as string[],
    pass: (ms: number) => {
      now += ms;
    },
  };
  const log = (event: string, fields = {}) => {
    world.logged.push(JSON.stringify({ event, ...fields }));
  };
  const upstreams = storedUpstreams({
    read: async () => {
      world.reads += 1;
      return world.answer();
    },
    upstreams: new Map([
      [
        'orders',
        { host: 'db.internal', port: 5432, database: 'shop', secretArn: 'arn:x', ca: null },
      ],
    ]),
    clock: { now: () => now as EpochMs, monotonic: () => now },
    log: { info: log, warn: log, error: log },
  });
  return { world, upstreams };
}

const outage = () => Promise.reject(new Error('connect ECONNREFUSED'));

describe('storedUpstreams', () => {
  it('joins where the target is with who signs in, always under a verified certificate', async () => {
    const { upstreams } = makeWorld();
    const upstream = await upstreams.forTarget(ORDERS);
    expect(upstream).toMatchObject({ host: 'db.internal', port: 5432, database: 'shop' });
    expect(upstream).toMatchObject({ user: 'gateway', tls: { mode: 'verify-full', ca: null } });
    expect(upstream.password).toBe(PASSWORD);
  });

  it('reads once for many sessions, and again when the time is over', async () => {
    const { world, upstreams } = makeWorld();
    await Promise.all([1, 2, 3].map(() => upstreams.forTarget(ORDERS)));
    world.pass(CREDENTIAL_FRESH_MS - 1);
    await upstreams.forTarget(ORDERS);
    expect(world.reads).toBe(1);
    world.pass(1);
    world.answer = async () => secretOf('rotated');
    expect((await upstreams.forTarget(ORDERS)).password).toBe('rotated');
    expect(world.reads).toBe(2);
  });

  it('reads again after the target refused it, though not at every refusal', async () => {
    const { world, upstreams } = makeWorld();
    const first = await upstreams.forTarget(ORDERS);
    upstreams.refused(ORDERS, first);
    await upstreams.forTarget(ORDERS);
    expect(world.reads, 'it was read a moment ago').toBe(1);
    world.pass(CREDENTIAL_COOLDOWN_MS);
    world.answer = async () => secretOf('rotated');
    upstreams.refused(ORDERS, first);
    const second = await upstreams.forTarget(ORDERS);
    expect(second.password).toBe('rotated');
    world.pass(CREDENTIAL_COOLDOWN_MS);
    upstreams.refused(ORDERS, first);
    expect(await upstreams.forTarget(ORDERS), 'the refused one is gone already').toBe(second);
  });

  it('outlives a store that cannot be reached, for a named time and without asking at every login', async () => {
    const { world, upstreams } = makeWorld();
    const first = await upstreams.forTarget(ORDERS);
    world.answer = outage;
    world.pass(CREDENTIAL_FRESH_MS);
    expect(await upstreams.forTarget(ORDERS)).toBe(first);
    expect(await upstreams.forTarget(ORDERS)).toBe(first);
    expect(world.reads).toBe(2);
    world.pass(CREDENTIAL_OUTAGE_MS);
    await expect(upstreams.forTarget(ORDERS)).rejects.toMatchObject({
      code: 'ERR_TARGET_UNAVAILABLE',
    });
  });

  it('does not outlive a withdrawal', async () => {
    const { world, upstreams } = makeWorld();
    await upstreams.forTarget(ORDERS);
    world.answer = async () => ({ kind: 'refused', why: 'ResourceNotFoundException' });
    world.pass(CREDENTIAL_FRESH_MS);
    await expect(upstreams.forTarget(ORDERS)).rejects.toMatchObject({ code: 'ERR_TARGET_REFUSED' });
    world.answer = outage;
    await expect(upstreams.forTarget(ORDERS)).rejects.toMatchObject({
      code: 'ERR_TARGET_UNAVAILABLE',
    });
  });

  it.each([
    ['not JSON', PASSWORD],
    ['not an object', JSON.stringify([PASSWORD])],
    ['without a username', JSON.stringify({ password: PASSWORD })],
    ['with a password that is no text', JSON.stringify({ username: 'u', password: [PASSWORD] })],
    ['with an empty password', JSON.stringify({ username: PASSWORD, password: '' })],
    ['with a name that ends early', JSON.stringify({ username: 'u\0x', password: PASSWORD })],
    ['longer than any', JSON.stringify({ username: 'u', password: PASSWORD.repeat(1_000) })],
  ])('refuses a secret %s, and repeats nothing of it', async (_, text) => {
    const { world, upstreams } = makeWorld();
    world.answer = async () => ({ kind: 'secret', text });
    const error: unknown = await upstreams.forTarget(ORDERS).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_TARGET_REFUSED' });
    expect(inspect(error, { depth: 9 })).not.toContain(PASSWORD);
    expect(world.logged.join()).not.toContain(PASSWORD);
  });

  it('refuses a target that nobody configured', async () => {
    const { upstreams } = makeWorld();
    await expect(upstreams.forTarget({ ...ORDERS, name: 'other' })).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
    });
  });
});

describe('staticUpstreams', () => {
  const upstream: Upstream = {
    host: '127.0.0.1',
    port: 5432,
    database: 'orders',
    user: 'gateway',
    password: PASSWORD,
    tls: { mode: 'disable' },
  };
  const upstreams = staticUpstreams(new Map([['orders', upstream]]));

  it('gives what was configured, and nothing for another target', async () => {
    expect((await upstreams.forTarget(ORDERS)).password).toBe(PASSWORD);
    await expect(upstreams.forTarget({ ...ORDERS, name: 'other' })).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
    });
  });

  it.each([
    ['as JSON', (given: Upstream) => JSON.stringify(given)],
    ['inspected', (given: Upstream) => inspect(given)],
    ['copied', (given: Upstream) => JSON.stringify({ ...given })],
    ['listed', (given: Upstream) => Object.values(given).join()],
  ])('shows no password %s', async (_, show) => {
    expect(show(await upstreams.forTarget(ORDERS))).not.toContain(PASSWORD);
    expect(show(upstream), 'the record that it was made from').toContain(PASSWORD);
  });
});
