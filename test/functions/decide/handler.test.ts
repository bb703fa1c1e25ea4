import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterEach, describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/errors.ts';
import { DecideResponse } from '../../../core/wire/decide.ts';
import { makeDeps, makeHandler } from '../../../functions/decide/handler.ts';
import { command, facts, person } from '../../core/policy/demo.ts';

const directories: string[] = [];

afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

/** A copy of the demo's policies that a test may break. */
async function demoCopy(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-policies-'));
  directories.push(directory);
  await cp('policies', directory, { recursive: true });
  return directory;
}

const judge = (directory: string) => makeHandler(makeDeps({ POLICIES_DIRECTORY: directory }));
const QUESTION = command(person('alice'), facts(['read relation public.orders']));

async function failure(work: Promise<unknown>): Promise<GatewayError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GatewayError))
    throw new Error('expected a GatewayError', { cause: error });
  return error;
}

describe('an answer', () => {
  test('is of the wire’s shape, after a trip through JSON', async () => {
    const answer = await judge('policies')(JSON.parse(JSON.stringify(QUESTION)));
    expect(v.parse(DecideResponse, JSON.parse(JSON.stringify(answer)))).toEqual(answer);
    expect(answer).toMatchObject({ kind: 'allow', ttlSeconds: 300 });
  });

  test('is the same each time', async () => {
    const handler = judge('policies');
    expect(await handler(QUESTION)).toEqual(await handler(QUESTION));
  });
});

describe('no answer', () => {
  test.each([
    ['nothing', undefined, 'at the event itself'],
    ['another question', { ...QUESTION, question: 'maybe' }, 'at question'],
    ['a key too many', { ...QUESTION, debug: true }, 'at debug'],
    [
      'a principal without groups',
      { ...QUESTION, principal: { subject: 'alice' } },
      'at principal',
    ],
  ])('to %s', async (_, event, where) => {
    const error = await failure(judge('policies')(event));
    expect(error.code).toBe('ERR_PROTOCOL_VIOLATION');
    expect(error.message).toContain(where);
  });

  test('without a directory', () => {
    expect(() => makeDeps({})).toThrow('POLICIES_DIRECTORY is not set');
  });

  test('from a directory that is not there', async () => {
    const error = await failure(judge('nowhere')(QUESTION));
    expect(error).toMatchObject({ code: 'ERR_POLICY_INVALID', message: 'Cannot read "nowhere"' });
  });

  test('where one policy is broken: file, line and fix are named', async () => {
    const directory = await demoCopy();
    await writeFile(
      join(directory, 'more.cedar'),
      '\n@id("x") @aproval\nforbid (principal, action, resource);',
    );
    const error = await failure(judge(directory)(QUESTION));
    expect(error.code).toBe('ERR_POLICY_INVALID');
    expect(error.message).toMatch(/more\.cedar:2: \[x\] Unknown annotation @aproval\. Use one of/);
    expect(error.hint).toContain('sallyport policy check');
  });

  test('without the schema', async () => {
    const directory = await demoCopy();
    await rm(join(directory, 'sallyport.cedarschema'));
    expect((await failure(judge(directory)(QUESTION))).message).toContain('sallyport.cedarschema');
  });

  test('until the policies are repaired', async () => {
    const directory = await demoCopy();
    await writeFile(join(directory, 'more.cedar'), 'nonsense');
    const handler = judge(directory);
    await failure(handler(QUESTION));
    await rm(join(directory, 'more.cedar'));
    expect(await handler(QUESTION)).toMatchObject({ kind: 'allow' });
  });
});
