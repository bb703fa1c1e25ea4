/** What a task does with what it polls, and with silence. */

import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SessionId } from '../../../core/brand.ts';
import type { Session } from '../../../core/session.ts';
import { type Control, makeControl } from '../../../proxy/gate/control.ts';
import { makeSessions } from '../../../proxy/gate/sessions.ts';
import { at, NOW } from '../../support/approval_requests.ts';
import { ALICE } from '../../support/gate_world.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
let control: Control | undefined;
afterEach(() => {
  control?.stop();
  vi.useRealTimers();
});

const CALM = { policyVersion: 'v1', revocations: [] };
const revoked = (kind: string, id: string, until = NOW + 3_600_000) => ({
  policyVersion: 'v1',
  revocations: [{ kind, id, until }],
});

function makeWorld() {
  const started = Date.now();
  const monotonic = () => Date.now() - started;
  const clock = { now: () => at(NOW + monotonic()), monotonic };
  const state = { answer: (): Promise<unknown> => Promise.resolve(CALM) };
  const told: string[] = [];
  const sessions = makeSessions();
  const made = makeControl({
    source: () => state.answer(),
    clock,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    listeners: {
      onBump: () => told.push('bump'),
      onRevocations: sessions.endRevoked,
      onLost: () => told.push('lost'),
    },
  });
  control = made;
  const says = (answer: unknown) => {
    state.answer = () => Promise.resolve(answer);
  };
  return { control: made, told, sessions, says, state };
}

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000);
const states = ({ fresh, lost }: Control) => ({ fresh: fresh(), lost: lost() });

describe('silence', () => {
  test('before the first good poll nothing is let through', async () => {
    const world = makeWorld();
    expect(states(world.control)).toEqual({ fresh: false, lost: true });
    await world.control.poll();
    expect(states(world.control)).toEqual({ fresh: true, lost: false });
  });

  test.each<[string, () => Promise<unknown>]>([
    ['fails', () => Promise.reject(new Error('down'))],
    ['hangs', () => new Promise(() => {})],
    ['answers nonsense', () => Promise.resolve({ policyVersion: 7 })],
    ['leaves the revocations out', () => Promise.resolve({ policyVersion: 'v1' })],
    ['revokes something unheard of', () => Promise.resolve(revoked('planet', 'x'))],
  ])('a table that %s: no memory after 5 s, no session after 15 s', async (_name, answer) => {
    const { control: made, told, state } = makeWorld();
    await seconds(2);
    state.answer = answer;
    await seconds(3);
    expect(states(made)).toEqual({ fresh: true, lost: false });
    await seconds(3);
    expect(states(made)).toEqual({ fresh: false, lost: false });
    expect(told).toEqual([]);
    await seconds(13);
    expect(states(made)).toEqual({ fresh: false, lost: true });
    expect(told).toEqual(['bump', 'lost']);
    await seconds(30);
    expect(told).toEqual(['bump', 'lost']);
    state.answer = () => Promise.resolve(CALM);
    await seconds(4);
    expect(states(made)).toEqual({ fresh: true, lost: false });
  });
});

describe('a publication', () => {
  test('empties the memory, and changes the versions; a poll without news does not', async () => {
    const { control: made, told, says } = makeWorld();
    await seconds(3);
    expect([told, made.versions(), made.policyVersion()]).toEqual([[], 'v1', 'v1']);
    says({ policyVersion: 'v2', revocations: [] });
    await seconds(2);
    expect([told, made.versions(), made.policyVersion()]).toEqual([['bump'], 'v2', 'v2']);
  });
});

describe('a revocation', () => {
  const BOB: Session = {
    ...ALICE,
    id: 'ses_01HZZZZZZZZZZZZZZZZZZZZZZX' as Session['id'],
    principal: { ...ALICE.principal, subject: 'bob' },
  };

  test.each([
    ['principal', ALICE.principal.subject],
    ['session', ALICE.id],
  ])('of a %s ends their sessions within 5 s, and no others', async (kind, id) => {
    const { sessions, says, control: made } = makeWorld();
    const ended: string[] = [];
    for (const session of [ALICE, BOB]) {
      sessions.open(session, () => {
        ended.push(session.principal.subject);
        sessions.closed(session.id);
      });
    }
    await seconds(2);
    says(revoked(kind, id));
    await seconds(5);
    expect(ended).toEqual(['alice']);
    expect([made.isRevoked(ALICE), made.isRevoked(BOB)]).toEqual([true, false]);
  });

  test('lasts until its end', async () => {
    const { says, control: made } = makeWorld();
    says(revoked('principal', 'alice', NOW + 10_000));
    await seconds(5);
    expect(made.isRevoked(ALICE)).toBe(true);
    await seconds(6);
    expect(made.isRevoked(ALICE)).toBe(false);
  });
});

describe('the live sessions', () => {
  test('are told once each, and counted', () => {
    const sessions = makeSessions();
    const told: string[] = [];
    sessions.open(ALICE, (reason) => told.push(reason));
    expect(sessions.size()).toBe(1);
    sessions.endAll('lights out');
    expect(told).toEqual(['lights out']);
    sessions.closed(ALICE.id);
    sessions.endAll('again');
    expect([told.length, sessions.size()]).toEqual([1, 0]);
  });

  test('one that cannot be closed keeps no other open, and is told', () => {
    const sessions = makeSessions();
    const told: string[] = [];
    const broken = { ...ALICE, id: v.parse(SessionId, `ses_${'0'.repeat(26)}`) };
    sessions.open(broken, () => {
      throw new Error('broken');
    });
    sessions.open(ALICE, (reason) => told.push(reason));
    expect(() => sessions.endRevoked(() => true)).toThrow('Cannot close every session');
    expect(told).toEqual(['your access was revoked']);
  });
});
