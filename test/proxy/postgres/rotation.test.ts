/** A target's password is changed under a running gateway: whoever connects next does not feel it. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EpochMs } from '../../../core/brand.ts';
import { type Postgres, startPostgres } from '../../../local/postgres.ts';
import { makeCatalogs } from '../../../proxy/protocols/postgres/catalog.ts';
import type { Upstreams } from '../../../proxy/services.ts';
import { CREDENTIAL_COOLDOWN_MS, storedUpstreams } from '../../../proxy/upstream/credentials.ts';
import { startTestGateway, TARGET, type TestGateway } from '../../support/gateway.ts';

let postgres: Postgres;
let gateway: TestGateway;
let upstreams: Upstreams;
let stored: string;
let now = 0;
let reads = 0;

/** The adapter for Secrets Manager, but that the target of this test is on loopback, without TLS. */
function loopbackUpstreams(): Upstreams {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const upstreams = storedUpstreams({
    read: async () => {
      reads += 1;
      return {
        kind: 'secret',
        text: JSON.stringify({ username: postgres.user, password: stored }),
      };
    },
    upstreams: new Map([['orders', { ...postgres, secretArn: 'arn:x', ca: null }]]),
    clock: { now: () => now as EpochMs, monotonic: () => now },
    log,
  });
  const real = new WeakMap<object, Awaited<ReturnType<Upstreams['forTarget']>>>();
  return {
    forTarget: async (target) => {
      const upstream = await upstreams.forTarget(target);
      const { password } = upstream;
      const plain = { ...upstream, password, tls: { mode: 'disable' } } as const;
      real.set(plain, upstream);
      return plain;
    },
    refused: (target, plain) => upstreams.refused(target, real.get(plain) ?? plain),
  };
}

beforeAll(async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'sallyport-rotation-'));
  postgres = await startPostgres({ directory, port: 0 });
  stored = postgres.password;
  const upstream = { ...postgres, tls: { mode: 'disable' } } as const;
  upstreams = loopbackUpstreams();
  gateway = await startTestGateway({ upstream, upstreams });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await postgres?.destroy();
});

const clientOf = (port: number, user: string, password: string) =>
  new pg.Client({ host: '127.0.0.1', port, user, password, database: 'orders' });

async function answer(): Promise<unknown> {
  const client = clientOf(gateway.port, 'alice', 'alice');
  await client.connect();
  const { rows } = await client.query('select 1 as one');
  await client.end();
  return rows[0];
}

async function changePassword(next: string): Promise<void> {
  const client = clientOf(postgres.port, postgres.user, stored);
  await client.connect();
  await client.query(`alter role ${postgres.user} password '${next}'`);
  await client.end();
  stored = next;
}

test('the next session signs in with the new password', async () => {
  expect(await answer()).toEqual({ one: 1 });
  expect(reads).toBe(1);
  await changePassword('rotated-canary');
  now += CREDENTIAL_COOLDOWN_MS;
  expect(await answer()).toEqual({ one: 1 });
  expect(reads).toBe(2);
  expect(gateway.logged.join()).not.toContain('rotated-canary');
});

test('the catalog is read with the new password', async () => {
  await changePassword('rotated-again');
  now += CREDENTIAL_COOLDOWN_MS;
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const clock = { now: () => now as EpochMs, monotonic: () => now };
  const catalogs = makeCatalogs({ upstreams, clock, log });
  expect((await catalogs.current(TARGET)).epoch).toBe(1);
  await catalogs.close();
  expect(reads).toBe(3);
});

test('a password that stays wrong is refused at the target, and told to nobody', async () => {
  const right = stored;
  await changePassword('only-the-target-knows');
  stored = right;
  now += CREDENTIAL_COOLDOWN_MS;
  await expect(answer()).rejects.toMatchObject({
    code: '08001',
    message: 'the target cannot be reached',
  });
  expect(gateway.logged.join()).toContain('it refused with SQLSTATE 28P01');
  expect(gateway.logged.join()).not.toContain(right);
});
