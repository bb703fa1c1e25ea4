/** The README's tour, with a PostgreSQL driver: what must be true for everyone behind the gateway. */

import { once } from 'node:events';
import { connect as openSocket } from 'node:net';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../local/child.ts';
import { discard, type System, startSystem } from './system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(async () => discard(system));

type Rows = readonly Record<string, unknown>[];

async function as<T>(user: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await system.connect(user);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function rowsOf(user: string, sql: string, values?: unknown[]): Promise<Rows> {
  return as(user, async (client) => (await client.query(sql, values)).rows);
}

async function refusal(work: Promise<unknown>): Promise<pg.DatabaseError> {
  return work.then(
    () => {
      throw new Error('It was not refused');
    },
    (error: pg.DatabaseError) => error,
  );
}

interface Held {
  readonly id: string;
  readonly notices: string[];
  readonly result: Promise<pg.QueryResult>;
}

/** Runs a statement that waits, and finds its request by the notice that the client got. */
async function hold(client: pg.Client, sql: string, values?: unknown[]): Promise<Held> {
  const notices: string[] = [];
  client.on('notice', (notice) => notices.push(notice.message ?? ''));
  const result = client.query(sql, values);
  result.catch(() => undefined);
  const id = await until(
    'a notice with the request id',
    async () => /apr_[0-9A-Z]{26}/.exec(notices.join('\n'))?.[0],
  );
  return { id, notices, result };
}

describe('reading', () => {
  test.each<[string, string, Rows]>([
    [
      'masked columns, by any name',
      'select email, ssn as number, date_of_birth from customers where id = 1',
      [{ email: '****', number: '****', date_of_birth: null }],
    ],
    [
      'through a view',
      'select email, phone from customer_contacts limit 1',
      [{ email: '****', phone: '****' }],
    ],
    [
      'inside an expression',
      'select upper(email) as loud from customers where id = 1',
      [{ loud: '****' }],
    ],
    [
      'what is not masked',
      'select id, status from orders where id = 1',
      [{ id: 1, status: expect.any(String) }],
    ],
  ])('%s', async (_name, sql, expected) => {
    expect(await rowsOf('alice', sql)).toEqual(expected);
    expect(await rowsOf('alice', `${sql} -- prepared`, [])).toEqual(expected);
  });

  test('an address in free text is found by its shape', async () => {
    const [row] = await rowsOf('alice', 'select notes::text as notes from customers where id = 3');
    expect(row?.['notes']).not.toContain('@example.org');
    expect(row?.['notes']).toContain('Prefers to be written to');
  });

  test('only fraud sees cards', async () => {
    const sql = 'select card_number from payments where id = 1';
    expect(await rowsOf('alice', sql)).toEqual([
      { card_number: expect.stringMatching(/^\*{4}\d{4}$/) },
    ]);
    expect(await rowsOf('frank', sql)).toEqual([
      { card_number: expect.stringMatching(/^\d{15,16}$/) },
    ]);
  });
});

describe('signing in', () => {
  test('mallory has no permit', async () => {
    await expect(system.connect('mallory')).rejects.toMatchObject({ severity: 'FATAL' });
  });

  test.each([
    ['expired', ['--expires-in', '-1m']],
    ['for another audience', ['--audience', 'other']],
    ['of another issuer', ['--issuer', 'https://issuer.example.com']],
  ])('a token %s is a wrong password, and no more is said', async (_name, flags) => {
    const password = await system.token('alice', ...flags);
    const error = await refusal(system.connect('alice', { password }));
    expect(error).toMatchObject({ code: '28P01' });
    expect(error.message).toBe('password authentication failed for user "alice"');
  });

  test('the token of someone else is refused', async () => {
    const password = await system.token('bob');
    await expect(system.connect('alice', { password })).rejects.toMatchObject({ code: '28P01' });
  });

  test('TLS is on offer', async () => {
    const client = await system.connect('alice', { ssl: { rejectUnauthorized: false } });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  test('the session ends when its token does', async () => {
    const password = await system.token('alice', '--expires-in', '3s');
    const client = await system.connect('alice', { password });
    const [error] = await once(client, 'error', { signal: AbortSignal.timeout(10_000) }).catch(
      (reason: unknown) => [reason],
    );
    expect(error).toMatchObject({ message: expect.stringContaining('expired') });
    const ended = await refusal(client.query('select 1'));
    expect(ended).toBeInstanceOf(Error);
  });
});

describe('refusing', () => {
  test.each([
    ['alice', 'drop table orders'],
    ['alice', 'delete from orders'],
    ['alice', 'update orders set status = $$paid$$ where 1 = 1'],
    ['alice', 'truncate orders'],
    ['ci-deploy', `update orders set status = 'paid' where id = 1`],
  ])('%s: %s', async (user, sql) => {
    await as(user, async (client) => {
      const error = await refusal(client.query(sql));
      expect(error).toMatchObject({ severity: 'ERROR', code: '42501' });
      expect(error.message.length).toBeGreaterThan(20);
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    });
  });

  test('inside a transaction the session stays in step', async () => {
    await as('alice', async (client) => {
      await client.query('begin');
      expect(await refusal(client.query('drop table orders'))).toMatchObject({ code: '42501' });
      await client.query('rollback');
      expect(
        (await client.query('select count(*)::int as n from products')).rows[0].n,
      ).toBeGreaterThan(0);
    });
  });

  test('a machine reads', async () => {
    expect(await rowsOf('ci-deploy', 'select count(*)::int as n from orders')).toEqual([
      { n: 300 },
    ]);
  });
});

describe('holding', () => {
  test('approved by another person, it runs once', async () => {
    await as('alice', async (client) => {
      const { id, notices, result } = await hold(
        client,
        `update orders set status = 'paid' where id = $1`,
        [5],
      );
      expect(notices.join('\n')).toMatch(/dba/);
      const listed = JSON.parse((await system.sallyport('approvals', 'list', '--json')).stdout);
      expect(JSON.stringify(listed)).toContain(id);
      const self = await system.sallyport('approvals', 'approve', id, '--as', 'alice');
      expect(self).toMatchObject({ status: 1 });
      const stranger = await system.sallyport('approvals', 'approve', id, '--as', 'carol');
      expect(stranger).toMatchObject({ status: 1 });
      const approved = await system.sallyport('approvals', 'approve', id, '--as', 'bob');
      expect(approved).toMatchObject({ status: 0, stderr: '' });
      expect((await result).rowCount).toBe(1);
      const late = await system.sallyport('approvals', 'approve', id, '--as', 'dave');
      expect(late).toMatchObject({ status: 1 });
      const row = await client.query('select status from orders where id = 5');
      expect(row.rows).toEqual([{ status: 'paid' }]);
    });
  });

  test('denied, it does not run, and the reason is told', async () => {
    await as('alice', async (client) => {
      const { id, result } = await hold(client, 'delete from payments where id = 7');
      const reason = 'not before the audit';
      const denied = await system.sallyport(
        'approvals',
        'deny',
        id,
        '--as',
        'dave',
        '--reason',
        reason,
      );
      expect(denied).toMatchObject({ status: 0 });
      const error = await refusal(result);
      expect(error).toMatchObject({ code: '42501' });
      expect(`${error.message} ${error.detail} ${error.hint}`).toContain(reason);
      const row = await client.query('select count(*)::int as n from payments where id = 7');
      expect(row.rows).toEqual([{ n: 1 }]);
    });
  });

  test('cancelled by its own client, it is withdrawn', async () => {
    await as('alice', async (client) => {
      const { id, result } = await hold(client, 'delete from payments where id = 8');
      await cancel(client);
      expect(await refusal(result)).toMatchObject({ code: '57014' });
      const shown = await system.sallyport('approvals', 'show', id, '--json');
      expect(shown.stdout).toContain('withdrawn');
      const late = await system.sallyport('approvals', 'approve', id, '--as', 'bob');
      expect(late).toMatchObject({ status: 1 });
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    });
  });
});

/** A CancelRequest on a connection of its own, as psql does it for Ctrl-C (protocol manual 53.2.8). */
async function cancel(client: pg.Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const frame = Buffer.alloc(16);
  frame.writeInt32BE(16, 0);
  frame.writeInt32BE(80_877_102, 4);
  frame.writeInt32BE(processID, 8);
  frame.writeInt32BE(secretKey, 12);
  const socket = openSocket(system.local.gateway.port, system.local.gateway.host);
  socket.end(frame);
  await once(socket, 'close');
}
