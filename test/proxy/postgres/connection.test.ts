/** Sockets and TLS, with a real PostgreSQL behind: what one connection may cost, and how each of them ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { generate } from 'selfsigned';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Certificate, ensureCertificate } from '../../../local/certificate.ts';
import { type Postgres, startPostgres } from '../../../local/postgres.ts';
import {
  passwordMessage,
  query,
  sslRequest,
  startup,
} from '../../../proxy/protocols/postgres/codec_synthetic.ts';
import type { Upstream } from '../../../proxy/services.ts';
import {
  refusal,
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../../support/gateway.ts';
import { startTlsFront } from '../../support/tls_front.ts';
import { fieldsOf, openWire, type WireClient } from '../../support/wire_client.ts';

let directory = '';
let postgres: Postgres;
let certificate: Certificate;
let upstream: Upstream;
const gateways: TestGateway[] = [];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-connection-'));
  postgres = await startPostgres({ directory: path.join(directory, 'postgres'), port: 0 });
  certificate = await ensureCertificate(path.join(directory, 'tls'));
  upstream = { ...postgres, tls: { mode: 'disable' } };
}, 60_000);
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
});
afterAll(async () => {
  await postgres?.destroy();
  await rm(directory, { recursive: true, force: true });
});

async function gatewayWith(options: Partial<TestGatewayOptions> = {}): Promise<TestGateway> {
  const gateway = await startTestGateway({ upstream, ...options });
  gateways.push(gateway);
  return gateway;
}

const START = startup(
  new Map([
    ['user', 'alice'],
    ['database', 'orders'],
  ]),
);

async function login(wire: WireClient): Promise<WireClient> {
  wire.send(START);
  await wire.next();
  wire.send(passwordMessage('alice'));
  expect((await wire.until('Z')).at(-1)?.type).toBe('Z');
  return wire;
}

async function withDriver<T>(
  port: number,
  work: (client: pg.Client) => Promise<T>,
  ssl: pg.ClientConfig['ssl'] = false,
): Promise<T> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'alice',
    password: 'alice',
    database: 'orders',
    ssl,
  });
  // A session that is ended from outside; the statement's own error is what is looked at.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const tlsOptions = () => ({ tls: { certificate: certificate.cert, key: certificate.key } });

test('a driver through TLS', async () => {
  const { port } = await gatewayWith(tlsOptions());
  const ssl = { ca: certificate.cert };
  const one = await withDriver(port, (client) => client.query('select 1 as one'), ssl);
  expect(one.rows).toEqual([{ one: 1 }]);
});

test('T#46070: direct TLS, with ALPN and without an SSLRequest', async () => {
  const { port } = await gatewayWith(tlsOptions());
  const wire = await openWire(port);
  await wire.secure('postgresql');
  expect((wire.socket() as { alpnProtocol?: unknown }).alpnProtocol).toBe('postgresql');
  await login(wire);
  wire.destroy();
});

test('T#6284: GSSENCRequest before SSLRequest', async () => {
  const { port } = await gatewayWith(tlsOptions());
  const wire = await openWire(port);
  wire.send(Buffer.from('0000000804d21630', 'hex'));
  expect(await wire.byte()).toBe('N');
  wire.send(sslRequest());
  expect(await wire.byte()).toBe('S');
  await wire.secure();
  await login(wire);
  wire.destroy();
});

test('CVE-2021-23214: bytes behind an SSLRequest close the connection', async () => {
  const { port } = await gatewayWith(tlsOptions());
  const wire = await openWire(port);
  wire.send(sslRequest(), START);
  expect(await wire.byte()).toBe('');
});

/** The catalog is read past the front, so that it is the session's own connection that is refused. */
function gatewayOver(port: number, ca: string | null): Promise<TestGateway> {
  const tls = { mode: 'verify-full', ca } as const;
  return gatewayWith({ upstream: { ...upstream, port, tls }, catalogUpstream: upstream });
}

async function expectUnreachable(port: number, ca: string | null): Promise<void> {
  const gateway = await gatewayOver(port, ca);
  await expect(withDriver(gateway.port, async () => {})).rejects.toMatchObject({ code: '08001' });
}

test('a target is signed in to through TLS that verifies the chain', async () => {
  const front = await startTlsFront(postgres, certificate);
  try {
    const good = await gatewayOver(front.port, certificate.cert);
    const { rows } = await withDriver(good.port, (client) => client.query('select 1 as one'));
    expect(rows).toEqual([{ one: 1 }]);
    expect(front.secured()).toBeGreaterThan(0);
    await expectUnreachable(front.port, null);
    const other = await ensureCertificate(path.join(directory, 'other'));
    await expectUnreachable(front.port, other.cert);
  } finally {
    await front.close();
  }
});

test('a target whose certificate names another host is not signed in to', async () => {
  const made = await generate([{ name: 'commonName', value: 'other.example' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'other.example' }] }],
  });
  const front = await startTlsFront(postgres, { key: made.private, cert: made.cert });
  try {
    await expectUnreachable(front.port, made.cert);
  } finally {
    await front.close();
  }
});

test('a target without TLS is not signed in to where TLS is demanded', async () => {
  const tls = { mode: 'verify-full', ca: certificate.cert } as const;
  const { port } = await gatewayWith({
    upstream: { ...upstream, tls },
    catalogUpstream: upstream,
  });
  await expect(withDriver(port, async () => {})).rejects.toMatchObject({ code: '08001' });
});

test('GHSA-78rf-vg74-7cr8: silent connections do not stall new ones, and are cut at the deadline', async () => {
  const { port, logged } = await gatewayWith({ ...tlsOptions(), handshakeMs: 1_500 });
  const silent = await openWire(port);
  const halfway = await openWire(port);
  halfway.send(sslRequest());
  expect(await halfway.byte()).toBe('S');
  const started = performance.now();
  await withDriver(port, (client) => client.query('select 1'));
  expect(performance.now() - started).toBeLessThan(1_500);
  expect(await silent.next()).toBeNull();
  expect(await halfway.next()).toBeNull();
  expect(logged.filter((line) => line.includes('handshake_deadline'))).toHaveLength(2);
});

test('the deadline is for the login: a session may be idle for longer', async () => {
  const { port } = await gatewayWith({ handshakeMs: 700 });
  await withDriver(port, async (client) => {
    await sleep(900);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });
});

test('connections above the limit are closed, and those below it go on', async () => {
  const { port, logged } = await gatewayWith({ connections: 2 });
  const first = await login(await openWire(port));
  const second = await openWire(port);
  const third = await openWire(port);
  expect(await third.next()).toBeNull();
  expect(logged.filter((line) => line.includes('listener.full'))).toHaveLength(1);
  expect(logged.filter((line) => line.includes('handshake_deadline'))).toHaveLength(0);
  first.send(query('select 1'));
  expect((await first.until('Z')).map(({ type }) => type).join('')).toBe('TDCZ');
  second.destroy();
  await sleep(50);
  const fourth = await login(await openWire(port));
  fourth.destroy();
  first.destroy();
});

test('a client that stops sending still gets what it asked for', async () => {
  const { port, outcomes } = await gatewayWith();
  const wire = await login(await openWire(port));
  wire.send(query('select pg_sleep(0.2), 1'));
  wire.halfClose();
  const types = (await wire.until('Z')).map(({ type }) => type).join('');
  expect(types).toBe('TDCZ');
  expect(await wire.next()).toBeNull();
  expect(outcomes).toMatchObject([{ status: 'succeeded', rows: 1 }]);
});

test('a client that vanishes while it waits withdraws its question', async () => {
  const seen: string[] = [];
  const { port, ended } = await gatewayWith({
    judge: (_command, hooks) =>
      new Promise((resolve) => {
        seen.push('asked');
        hooks?.signal.addEventListener('abort', () => {
          seen.push('withdrawn');
          resolve(refusal('Withdrawn', 'approval-withdrawn'));
        });
      }),
  });
  const wire = await login(await openWire(port));
  wire.send(query('select 1'));
  while (seen.length === 0) await sleep(10);
  wire.destroy();
  while (ended.length === 0) await sleep(10);
  expect(seen).toEqual(['asked', 'withdrawn']);
});

test('a session never outlives its token', async () => {
  const { port, ended } = await gatewayWith({ expiresInMs: 1_000 });
  const wire = await login(await openWire(port));
  const last = await wire.next();
  expect(fieldsOf(last)).toMatchObject({ S: 'FATAL', C: '57P01' });
  expect(await wire.next()).toBeNull();
  expect(ended).toEqual(['the token of this session has expired']);
});

test('a session that cannot be recorded does not begin', async () => {
  const { port } = await gatewayWith({ unrecordable: true });
  await expect(withDriver(port, async () => {})).rejects.toMatchObject({ code: '58030' });
});

test('a recorder that fails in the middle ends the session', async () => {
  const judge = async () => refusal('Not recorded', 'recording-failed');
  const { port, ended } = await gatewayWith({ judge });
  const wire = await login(await openWire(port));
  wire.send(query('select 1'));
  expect(fieldsOf(await wire.next())).toMatchObject({ S: 'FATAL', C: '58030' });
  expect(await wire.next()).toBeNull();
  expect(ended).toEqual(['refused: 58030']);
});

test('a target that dies ends the session, and what ran has an outcome', async () => {
  const { port, outcomes } = await gatewayWith();
  const wire = await login(await openWire(port));
  wire.send(query('select pg_terminate_backend(pg_backend_pid())'));
  const frames = await wire.until('?');
  expect(fieldsOf(frames.at(-1))).toMatchObject({ S: 'FATAL' });
  expect(outcomes).toMatchObject([{ status: 'failed', sqlState: '57P01' }]);
});

test('a client that does not read slows the target down, and the gateway keeps nothing', async () => {
  const { port, outcomes } = await gatewayWith({ obligations: { mask: [], detectors: [] } });
  const wire = await login(await openWire(port));
  wire.socket().pause();
  const before = process.memoryUsage().rss;
  // 400 MB, none of which fits anywhere.
  wire.send(query("select repeat('x', 1000000) from generate_series(1, 400)"));
  await sleep(700);
  expect(outcomes).toEqual([]);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  wire.destroy();
});

test('a shutdown tells every session why, and waits for no one longer than its deadline', async () => {
  const gateway = await startTestGateway({ upstream });
  const wire = await login(await openWire(gateway.port));
  const started = performance.now();
  const closed = gateway.close();
  expect(fieldsOf(await wire.next())).toMatchObject({ C: '57P01' });
  wire.halfClose();
  await closed;
  expect(performance.now() - started).toBeLessThan(2_000);
});

/** Text without a word that a detector could take for a credential. */
const wordsOf = (size: number): string => 'many words '.repeat(size / 10).slice(0, size);

test('H#1496: statements and rows of every size pass whole', async () => {
  const { port, judged } = await gatewayWith();
  await withDriver(port, async (client) => {
    for (const size of [1, 255_000, 257_000, 900_000]) {
      const value = wordsOf(size);
      const { rows } = await client.query(`select '${value}' as v`);
      expect((rows[0] as { v: string }).v === value).toBe(true);
    }
    for (const size of [1_100_000, 17_000_000]) {
      const { rows } = await client.query('select $1::text as v', [wordsOf(size)]);
      expect((rows[0] as { v: string }).v).toHaveLength(size);
    }
  });
  expect(judged.every(({ command }) => command.frame.length > 0)).toBe(true);
});

test('a client that is far ahead of its answers is not read on, and gets all of them', async () => {
  const { port, judged } = await gatewayWith();
  const wire = await login(await openWire(port));
  const count = 400;
  wire.send(...Array.from({ length: count }, () => query(`select 1 -- ${'x'.repeat(10_000)}`)));
  for (let left = count; left > 0; left -= 1) expect((await wire.until('Z')).length).toBe(4);
  expect(judged).toHaveLength(count);
  wire.destroy();
});

test('H#1496: a statement that is too long is refused in words, never cut, and the session goes on', async () => {
  const { port } = await gatewayWith();
  await withDriver(port, async (client) => {
    const long = `select '${wordsOf(1_000_001)}'`;
    await expect(client.query(long)).rejects.toMatchObject({ code: '54001' });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });
});

test('binary results are masked by valid values', async () => {
  const { port } = await gatewayWith();
  await withDriver(port, async (client) => {
    const { rows } = await client.query({
      text: 'select id, email, date_of_birth from customers where id = $1',
      values: [1],
      binary: true,
    } as pg.QueryConfig);
    const [row] = rows as { id: number; email: unknown; date_of_birth: unknown }[];
    expect(row?.id).toBe(1);
    expect(String(row?.email)).toBe('****');
    expect(row?.date_of_birth).toBeNull();
  });
});
