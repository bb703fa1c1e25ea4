/**
 * The fleet's process as it runs in AWS, started from its environment: its certificate and credentials
 * from Secrets Manager, control items and requests from DynamoDB, events into Kinesis, judgements over
 * Lambda's own protocol, a target behind a verified certificate. The functions are the real handlers.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListShardsCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EpochMs, RequestId } from '../../core/brand.ts';
import { REVOKED_KEY } from '../../core/control.ts';
import type { ApprovalsDeps } from '../../functions/approvals/deps.ts';
import { makeDirectory, putPerson } from '../../functions/approvals/directory.ts';
import { makeHandler as makeApprovals } from '../../functions/approvals/handler.ts';
import { makeKeyKeyring } from '../../functions/approvals/seal.ts';
import { makeStore } from '../../functions/approvals/store.ts';
import { vote } from '../../functions/approvals/vote.ts';
import { makeHandler as makeDecide, makeDeps } from '../../functions/decide/handler.ts';
import { ensureCertificate } from '../../local/certificate.ts';
import { demoTarget } from '../../local/config.ts';
import { tableDefinition } from '../../local/dynamodb.ts';
import { DEVELOPMENT_AUDIENCE, mintToken, startIssuer } from '../../local/issuer.ts';
import { freePort } from '../../local/ports.ts';
import { startPostgres } from '../../local/postgres.ts';
import { makeKinesisClient } from '../../proxy/recorder/kinesis_stream.ts';
import { startLambdaEndpoint } from '../support/lambda_endpoint.ts';
import { startTlsTarget } from '../support/tls_target.ts';
import { describeAdapter, fresh } from './endpoint.ts';

const TableName = fresh('sallyport');
const StreamName = fresh('events');
const HOST = '127.0.0.1';
const PASSWORDS: string[] = [];

async function createTable(client: DynamoDBClient): Promise<void> {
  await client.send(new CreateTableCommand(tableDefinition(TableName)));
  await waitUntilTableExists({ client, maxWaitTime: 60 }, { TableName });
}

/** Everything that the stream holds, as the lines of the record. */
async function readStream(): Promise<readonly { kind: string; statement: string }[]> {
  const client = makeKinesisClient();
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
  const lines: string[] = [];
  for (const { ShardId } of Shards) {
    const from = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    const { ShardIterator } = await client.send(new GetShardIteratorCommand(from));
    const { Records = [] } = await client.send(new GetRecordsCommand({ ShardIterator }));
    for (const { Data } of Records) {
      lines.push(
        ...Buffer.from(Data ?? [])
          .toString()
          .trimEnd()
          .split('\n'),
      );
    }
  }
  client.destroy();
  return lines.map((line) => {
    const { body } = JSON.parse(line) as { body: { kind: string; record?: { statement: string } } };
    return { kind: body.kind, statement: body.record?.statement ?? '' };
  });
}

/** A process of the fleet, with the lines that it logged so far. */
function startProcess(env: Readonly<Record<string, string>>) {
  const child: ChildProcess = spawn(process.execPath, ['proxy/main.ts'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  return {
    output: () => output,
    events: () =>
      (output.match(/^.+\n/gm) ?? []).map((line) => (JSON.parse(line) as { event: string }).event),
    stop: async () => {
      child.kill('SIGTERM');
      return (await ended)[0];
    },
    ended,
  };
}

describeAdapter('the proxy in AWS', () => {
  const dynamodb = new DynamoDBClient({});
  const secrets = new SecretsManagerClient({});
  const closers: (() => Promise<unknown>)[] = [];
  let approvals: ApprovalsDeps;
  let lambda: Awaited<ReturnType<typeof startLambdaEndpoint>>;
  let environment: Record<string, string>;
  let running: ReturnType<typeof startProcess>;
  let issuerDirectory: string;
  let spool: string;
  let port: number;

  const secret = async (value: object): Promise<string> => {
    const created = { Name: fresh('secret'), SecretString: JSON.stringify(value) };
    const { ARN = '' } = await secrets.send(new CreateSecretCommand(created));
    return ARN;
  };

  beforeAll(async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'sallyport-fleet-'));
    issuerDirectory = path.join(root, 'issuer');
    spool = path.join(root, 'spool');
    const kinesis = makeKinesisClient();
    await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
    const [certificate, postgres, issuer] = await Promise.all([
      ensureCertificate(root),
      startPostgres({ directory: path.join(root, 'postgres'), port: 0 }),
      startIssuer({ directory: issuerDirectory, port: 0 }),
      createTable(dynamodb),
      waitUntilStreamExists({ client: kinesis, maxWaitTime: 60 }, { StreamName }),
    ]);
    kinesis.destroy();
    const tlsTarget = await startTlsTarget(postgres.port, certificate);
    PASSWORDS.push(postgres.password);
    approvals = {
      now: () => Date.now() as EpochMs,
      store: makeStore(dynamodb, TableName),
      directory: makeDirectory(dynamodb, TableName),
      keyring: makeKeyKeyring(new Uint8Array(randomBytes(32))),
      log: { info: () => {}, warn: () => {}, error: () => {} },
      // The clock alone: it can neither grant nor lose an answer.
      workflow: { start: async () => {}, complete: async () => {} },
    };
    const bob = { subject: 'bob', email: null, kind: 'human', groups: ['dba'] } as const;
    await putPerson(dynamodb, TableName, bob);
    lambda = await startLambdaEndpoint({
      decide: makeDecide(makeDeps({ POLICIES_DIRECTORY: 'policies' })),
      approvals: makeApprovals(approvals),
    });
    port = await freePort(HOST, 0, '');
    const [tlsSecret, secretArn] = await Promise.all([
      secret({ certificate: certificate.cert, privateKey: certificate.key }),
      secret({ username: postgres.user, password: postgres.password, engine: 'postgres' }),
    ]);
    const upstream = {
      host: HOST,
      port: tlsTarget.port,
      database: postgres.database,
      secretArn,
      ca: certificate.cert,
    };
    environment = {
      SALLYPORT_CONFIG: JSON.stringify({
        listen: { host: HOST, port },
        identity: { issuer: issuer.url, audience: DEVELOPMENT_AUDIENCE, groupsClaim: 'groups' },
        stopSeconds: 30,
        targets: [{ ...demoTarget().target, upstream }],
      }),
      DECIDE_FUNCTION: 'decide',
      APPROVALS_FUNCTION: 'approvals',
      TABLE_NAME: TableName,
      STREAM_NAME: StreamName,
      SPOOL_DIRECTORY: spool,
      TLS_SECRET_ARN: tlsSecret,
      AWS_ENDPOINT_URL_LAMBDA: lambda.url,
    };
    closers.push(lambda.close, tlsTarget.close, issuer.close, postgres.destroy);
    running = startProcess(environment);
    const started = () => running.events().includes('proxy.started');
    await vi.waitUntil(started, { timeout: 20_000 });
  });
  afterAll(async () => {
    await running?.stop();
    for (const close of closers) await close();
    dynamodb.destroy();
    secrets.destroy();
  });

  const connect = async (user: string) => {
    const password = await mintToken(issuerDirectory, user);
    const client = new pg.Client({
      host: HOST,
      port,
      user,
      password,
      database: 'orders',
      // `sslmode=require`: TLS, by a certificate that the test made for itself.
      ssl: { rejectUnauthorized: false },
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };

  it('masks what it reads, and refuses what policy denies', async () => {
    const client = await connect('alice');
    const { rows } = await client.query('select email, full_name from customers where id = 1');
    expect(rows).toMatchObject([{ email: '****' }]);
    await expect(client.query('drop table customers')).rejects.toMatchObject({ code: '42501' });
    await client.end();
    expect(lambda.invoked).toContain('decide');
  });

  it('holds what is risky until another person answers, and runs it once', async () => {
    const client = await connect('alice');
    const noticed = new Promise<string>((resolve) => {
      client.on('notice', ({ message }) => resolve(message ?? ''));
    });
    const held = client.query("update customers set full_name = 'New Name' where id = 2");
    const id = /apr_[0-9A-Z]{26}/.exec(await noticed)?.[0] as RequestId;
    const ballot = { id, subject: 'bob', answer: 'approve', reason: '', via: 'page' } as const;
    expect(await vote(approvals, ballot)).toMatchObject({ result: 'done' });
    expect((await held).rowCount).toBe(1);
    await client.end();
  });

  it('ends the sessions of whoever is shut out, within five seconds', async () => {
    const client = await connect('frank');
    const closed = new Promise<void>((resolve) => {
      client.on('end', () => resolve());
    });
    const until = Date.now() + 60_000;
    const revocations = JSON.stringify([{ kind: 'principal', id: 'frank', until }]);
    const Item = { ...REVOKED_KEY, revocations: { S: revocations } };
    await dynamodb.send(new PutItemCommand({ TableName, Item }));
    const began = Date.now();
    await closed;
    expect(Date.now() - began).toBeLessThan(5_000);
    await expect(connect('frank')).rejects.toThrow('your access was revoked');
  });

  it('does not mind a health check that connects and leaves', async () => {
    const before = running.events().length;
    const socket = net.connect(port, HOST);
    await once(socket, 'connect');
    socket.end();
    await once(socket, 'close');
    const since = running.events().slice(before);
    expect(since.filter((event) => !event.startsWith('credential.'))).toEqual([]);
  });

  it('tells its sessions, empties its spool and stops with status 0 on SIGTERM', async () => {
    const client = await connect('alice');
    const told = new Promise<string>((resolve) => {
      client.on('error', (error: Error & { code?: string }) => resolve(error.code ?? ''));
    });
    expect(await running.stop()).toBe(0);
    expect(await told).toBe('57P01');
    expect(running.events().slice(-2)).toEqual(['proxy.stopping', 'proxy.stopped']);
    const lines = await readStream();
    const count = (kind: string) => lines.filter((line) => line.kind === kind).length;
    expect(count('session.start')).toBe(count('session.end'));
    expect(count('command.intent')).toBe(count('command.result'));
    expect(lines).toContainEqual(expect.objectContaining({ kind: 'command.refused' }));
    expect(lines.map(({ statement }) => statement)).toContainEqual(
      expect.stringContaining('update customers'),
    );
  });

  it('has logged neither a password, nor a token, nor a statement', () => {
    const output = running.output();
    for (const password of PASSWORDS) expect(output).not.toContain(password);
    expect(output).not.toMatch(/eyJ|PRIVATE KEY|update customers|drop table/);
  });

  it('stops in time though the stream is gone, and sends what it kept when it starts again', async () => {
    const marker = `select 'kept ${fresh('spool')}'`;
    const start = async (change: Record<string, string>) => {
      running = startProcess({ ...environment, ...change });
      const listening = () => running.events().includes('proxy.started');
      await vi.waitUntil(listening, { timeout: 20_000 });
    };
    await start({ AWS_ENDPOINT_URL_KINESIS: 'http://127.0.0.1:9' });
    const client = await connect('alice');
    await client.query(marker);
    const began = Date.now();
    await running.stop();
    expect(Date.now() - began).toBeLessThan(25_000);
    expect(running.events()).toContain('recorder.close_undrained');
    await start({});
    await expect
      .poll(async () => (await readStream()).map(({ statement }) => statement), { timeout: 10_000 })
      .toContain(marker);
  });

  describe('what cannot start', () => {
    it.each([
      ['a table that is not there', { TABLE_NAME: 'nowhere' }, /policy version and revocations/],
      ['a TLS secret that is not there', { TLS_SECRET_ARN: 'nowhere' }, /ResourceNotFound/],
      ['a spool of another process', {}, /The spool .* belongs to process/],
    ])('does not listen: %s', async (_, change, reason) => {
      const own = Object.keys(change).length === 0 ? {} : { SPOOL_DIRECTORY: `${spool}-2` };
      const failed = startProcess({ ...environment, ...own, ...change });
      expect((await failed.ended)[0]).toBe(1);
      expect(failed.events()).toContain('proxy.start_failed');
      expect(failed.output()).toMatch(reason);
    });
  });
});
