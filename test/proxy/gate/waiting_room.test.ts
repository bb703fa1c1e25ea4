/** One batch of polls for everybody who waits, and no wait that never ends. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { opened } from '../../../core/approval/machine.ts';
import { viewOfRequest } from '../../../core/approval/request.ts';
import type { RequestId } from '../../../core/brand.ts';
import type { ApprovalsRequest, RequestView } from '../../../core/wire/approvals.ts';
import { makeWaitingRoom, WAIT_TIMING } from '../../../proxy/gate/waiting_room.ts';
import { at, NOW, nextRequestId, OPEN } from '../../support/approval_requests.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Read = (ids: readonly RequestId[]) => Promise<readonly RequestView[]>;

function makeWorld(read?: Read) {
  const started = Date.now();
  const calls: ApprovalsRequest[] = [];
  const reads: (readonly RequestId[])[] = [];
  const views = new Map<RequestId, RequestView>();
  const monotonic = () => Date.now() - started;
  const quiet = () => {};
  const room = makeWaitingRoom({
    approvals: {
      call: async (request) => {
        calls.push(request);
        return { result: 'done', request: null };
      },
      read: async (ids) => {
        reads.push(ids);
        return read === undefined ? ids.flatMap((id) => views.get(id) ?? []) : read(ids);
      },
    },
    clock: { now: () => at(NOW + monotonic()), monotonic },
    log: { info: quiet, warn: quiet, error: quiet },
  });
  const join = (controller = new AbortController()) => {
    const id = nextRequestId();
    views.set(id, viewOfRequest(opened({ ...OPEN, id }, at(NOW + monotonic()))));
    const progress: RequestView[] = [];
    const state = { ended: null as string | null };
    const { signal } = controller;
    void room.wait(id, { signal, onProgress: (view) => progress.push(view) }).then((ending) => {
      state.ended = ending.kind === 'answered' ? ending.view.status : ending.kind;
    });
    const change = (part: Partial<RequestView>) => {
      views.set(id, { ...(views.get(id) as RequestView), ...part });
    };
    return { id, state, progress, change, controller, vanish: () => views.delete(id) };
  };
  return { room, calls, reads, join };
}

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000);

describe('the waiting room', () => {
  test.each(['approved', 'denied', 'expired', 'withdrawn', 'revoked', 'consumed'] as const)(
    'ends a wait when it is %s',
    async (status) => {
      const { join } = makeWorld();
      const wait = join();
      await seconds(1);
      expect(wait.state.ended).toBeNull();
      wait.change({ status });
      await seconds(1);
      expect(wait.state.ended).toBe(status);
    },
  );

  test('polls once for all, however many come and go meanwhile', async () => {
    const { join, reads, room } = makeWorld();
    for (let joined = 0; joined < 20; joined += 1) {
      join();
      // Also in the middle of a poll.
      await vi.advanceTimersByTimeAsync(250);
    }
    await seconds(20);
    reads.length = 0;
    await seconds(10);
    expect(room.size()).toBe(20);
    expect(reads).toHaveLength(10);
    expect(reads[0]).toHaveLength(20);
  });

  test('one slow read is followed by one poll, not by two', async () => {
    const { join, reads } = makeWorld(
      () => new Promise((resolve) => setTimeout(() => resolve([]), 400)),
    );
    join();
    await vi.advanceTimersByTimeAsync(300);
    join();
    join();
    await vi.advanceTimersByTimeAsync(1_900);
    // One poll each 250 + 400 ms.
    expect(reads.length).toBeLessThanOrEqual(4);
  });

  test('is silent when nobody waits', async () => {
    const { join, reads, room } = makeWorld();
    const wait = join();
    await seconds(1);
    wait.controller.abort();
    await seconds(0);
    expect([wait.state.ended, room.size()]).toEqual(['left', 0]);
    await seconds(1);
    reads.length = 0;
    await seconds(60);
    expect(reads).toHaveLength(0);
  });

  test('lets go of whoever has left before', async () => {
    const { join } = makeWorld();
    const controller = new AbortController();
    controller.abort();
    const wait = join(controller);
    await seconds(0);
    expect(wait.state.ended).toBe('left');
  });

  test('tells of votes and viewings, each once', async () => {
    const { join } = makeWorld();
    const wait = join();
    await seconds(2);
    expect(wait.progress).toHaveLength(0);
    wait.change({ viewings: [{ viewer: 'bob', at: NOW }] });
    await seconds(2);
    expect(wait.progress).toHaveLength(1);
    const vote = { voter: 'bob', answer: 'approve', reason: '', via: 'slack', at: NOW, groups: [] };
    wait.change({ status: 'partly-approved', votes: [vote as RequestView['votes'][number]] });
    await seconds(2);
    expect(wait.progress).toHaveLength(2);
  });

  test('renews the lease of everybody every 15 s', async () => {
    const { join, calls } = makeWorld();
    const ids = [join().id, join().id];
    await seconds(62);
    expect(calls).toHaveLength(4);
    expect(calls[0]).toEqual({ operation: 'renew', ids });
  });

  test('gives up what it has not read for as long as a lease', async () => {
    const lost = WAIT_TIMING.lostMs / 1000;
    const { join } = makeWorld();
    const [gone, there] = [join(), join()];
    gone.vanish();
    await seconds(lost - 2);
    expect(gone.state.ended).toBeNull();
    await seconds(4);
    expect([gone.state.ended, there.state.ended]).toEqual(['lost', null]);
  });

  test.each<[string, Read]>([
    ['fail', () => Promise.reject(new Error('down'))],
    ['hang', () => new Promise(() => {})],
  ])('gives up when reads %s', async (_name, read) => {
    const { join } = makeWorld(read);
    const wait = join();
    await seconds(WAIT_TIMING.lostMs / 1000 + 10);
    expect(wait.state.ended).toBe('lost');
  });

  test('does not wait for ever for what nobody ends', async () => {
    const { join } = makeWorld();
    const wait = join();
    await seconds(600 + 7);
    expect(wait.state.ended).toBe('expired');
  });
});
