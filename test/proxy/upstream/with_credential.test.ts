/** A credential that was rotated in between costs one more attempt; nothing else is tried twice. */
import { describe, expect, it } from 'vitest';
import { GatewayError, type GatewayErrorCode } from '../../../core/errors.ts';
import type { Upstream } from '../../../proxy/services.ts';
import { withCredential } from '../../../proxy/upstream/with_credential.ts';
import { TARGET } from '../../support/gateway.ts';

const upstreamOf = (password: string): Upstream => ({
  host: 'db.internal',
  port: 5432,
  database: 'shop',
  user: 'gateway',
  password,
  tls: { mode: 'verify-full', ca: null },
});

interface Case {
  /** What the store holds, before and after it was told of a refusal. */
  readonly stored: readonly [string, string];
  /** How the target answers a password. */
  readonly answers: Readonly<Record<string, 'welcome' | GatewayErrorCode>>;
}

/** The passwords that were tried, and how it ended. */
async function run({ stored, answers }: Case): Promise<{ tried: string[]; ended: string }> {
  const tried: string[] = [];
  let current = stored[0];
  const upstreams = {
    forTarget: async () => upstreamOf(current),
    refused: () => {
      current = stored[1];
    },
  };
  const signIn = async ({ password }: Upstream): Promise<string> => {
    tried.push(password);
    const answer = answers[password] ?? 'ERR_TARGET_REFUSED';
    if (answer !== 'welcome') throw new GatewayError(answer, answer);
    return answer;
  };
  const ended = await withCredential(upstreams, TARGET, signIn).catch(
    (error: GatewayError) => error.code,
  );
  return { tried, ended };
}

describe('withCredential', () => {
  it.each([
    ['signs in', { stored: ['a', 'b'], answers: { a: 'welcome' } }, ['a'], 'welcome'],
    [
      'takes up a new one',
      { stored: ['a', 'b'], answers: { b: 'welcome' } },
      ['a', 'b'],
      'welcome',
    ],
    [
      'tries no more than twice',
      { stored: ['a', 'b'], answers: {} },
      ['a', 'b'],
      'ERR_TARGET_REFUSED',
    ],
    [
      'does not try the same again',
      { stored: ['a', 'a'], answers: {} },
      ['a'],
      'ERR_TARGET_REFUSED',
    ],
    [
      'does not try again where the target is down',
      { stored: ['a', 'b'], answers: { a: 'ERR_TARGET_UNAVAILABLE' } },
      ['a'],
      'ERR_TARGET_UNAVAILABLE',
    ],
  ] as const)('%s', async (_, given, tried, ended) => {
    expect(await run(given)).toEqual({ tried, ended });
  });
});
