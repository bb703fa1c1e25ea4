import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { policyCommand } from '../../bin/commands/policy.ts';
import { type Demo, startDemo } from '../proxy/protocols/postgres/demo.ts';

let demo: Demo;
let url: string;

beforeAll(async () => {
  demo = await startDemo();
  const { user, password, host, port, database } = demo.upstream;
  url = `postgres://${user}:${password}@${host}:${port}/${database}`;
}, 60_000);
afterAll(async () => demo.stop());

async function run(...args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io = {
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
    root: process.cwd(),
    env: {},
  };
  const status = await policyCommand.run(args, io);
  return { status, out: out.join('\n'), err: err.join('\n') };
}

const explain = (name: string, sql: string, ...more: readonly string[]) =>
  run('explain', '--as', name, '--database', url, ...more, sql);

describe('policy check', () => {
  test('the demo’s policies are valid', async () => {
    const { status, out } = await run('check', '--known-groups', 'engineering,dba,fraud');
    expect(out).toMatch(/^\d+ policies are valid, version [0-9a-f]{64}$/);
    expect(status).toBe(0);
  });

  test('a broken one: 1, with file, line and fix', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'sallyport-policy-'));
    await writeFile(path.join(directory, 'sallyport.cedarschema'), 'entity A;');
    await writeFile(path.join(directory, 'a.cedar'), '\npermit (principal, action, resource);');
    const { status, err } = await run('check', '--policies', directory);
    await rm(directory, { recursive: true });
    expect(err).toContain('a.cedar:2: The policy has no @id. Write @id("a-name-for-it") above it');
    expect(status).toBe(1);
  });
});

describe('policy explain', () => {
  test('a deny: the sentence, each question, the policy', async () => {
    const { status, out } = await explain('alice', 'drop table orders');
    expect(out).toMatch(/^DENY {2}DROP TABLE by alice \(human; engineering\) on orders/);
    expect(out).toContain('Put the change into a migration');
    expect(out).toMatch(/allow +execute +orders {2}\[orders-execute\]/);
    expect(out).toMatch(/forbidden +drop +relation public\.orders {2}\[orders-ddl-refused\]/);
    expect(status).toBe(0);
  });

  test('a hold: whom it asks', async () => {
    const { out } = await explain('bob', 'drop table orders');
    expect(out).toMatch(/^HOLD/);
    expect(out).toContain('Asks one person of dba, within 900 s');
    expect(out).toMatch(/recorded +sync/);
  });

  test('an allow: what goes with it, as data', async () => {
    const { out } = await explain('frank', 'select card_number from payments', '--json');
    const { decision, questions } = JSON.parse(out);
    expect(decision.kind).toBe('allow');
    expect(decision.obligations.unmask).toEqual(['public.payments.card_number']);
    expect(questions).toContainEqual({
      verb: 'unmask',
      object: 'column public.payments.card_number',
      answer: 'allow',
      policies: ['fraud-sees-cards'],
    });
  });

  test('groups of one’s own choosing', async () => {
    const { out } = await explain('zoe', 'select 1', '--groups', 'nobody');
    expect(out).toMatch(/^DENY/);
  });

  test('what is not SQL: 1', async () => {
    const { status, err } = await explain('alice', 'drop tabel orders');
    expect(err).toMatch(/PostgreSQL cannot parse it: .* at character 6/);
    expect(status).toBe(1);
  });

  test.each([
    [['explain', 'select 1'], 'Say who asks'],
    [['explain', '--as', 'zoe', 'select 1'], 'Unknown user "zoe"'],
    [['explain', '--as', 'alice'], 'Give one statement'],
    [['nonsense'], 'Say "policy check"'],
  ])('bad usage: %s', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message);
  });
});
