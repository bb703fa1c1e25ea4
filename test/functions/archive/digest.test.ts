/** The digest function: every object exactly once, in a chain without gaps, whatever goes wrong between. */
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../../core/recording/digest.ts';
import { makeDeps } from '../../../functions/archive/digest.ts';
import { later, makeWorld, threeHours, type World } from '../../support/evidence.ts';
import { recordSession } from '../../support/recorded_sessions.ts';
import { START, session } from '../../support/recording.ts';

function documents({ archive }: World) {
  const digests = archive.keys('digests/').map((key) => JSON.parse(archive.text(key)) as Digest);
  return digests.map(({ document }) => document).sort((a, b) => a.number - b.number);
}

function expectAllSignedOnce(world: World) {
  const signed = documents(world).flatMap(({ objects }) => objects.map(({ key }) => key));
  const archived = world.archive.keys().filter((key) => !key.startsWith('digests/'));
  expect(signed.sort()).toEqual(archived);
}

describe('digests', () => {
  test('list every object once, and name the one before', async () => {
    const { world } = await threeHours();
    expectAllSignedOnce(world);
    expect(documents(world).map(({ number, previous }) => [number, previous?.key ?? null])).toEqual(
      [
        [0, null],
        [1, 'digests/2026/11/23/23.json'],
        [2, 'digests/2026/11/24/00.json'],
      ],
    );
  });

  test('several in an hour have names of their own', async () => {
    const world = makeWorld();
    await world.archiveSessions([recordSession(session())]);
    const keys = [];
    for (let i = 0; i < 3; i += 1) keys.push(await world.signDigest());
    expect(keys).toEqual([
      'digests/2026/11/23/22.json',
      'digests/2026/11/23/22.002.json',
      'digests/2026/11/23/22.003.json',
    ]);
    expectAllSignedOnce(world);
    expect((await world.verify()).findings).toEqual([]);
  });

  test('of nothing are made only where they are wanted', async () => {
    const world = makeWorld();
    expect(await world.signDigest({ empty: false })).toBeNull();
    expect(world.archive.keys()).toEqual([]);
    await world.signDigest();
    expect(documents(world)).toMatchObject([{ number: 0, objects: [] }]);
  });

  test('go on in order when the clock was set back', async () => {
    const { world } = await threeHours();
    world.now = START;
    await world.signDigest();
    expect(documents(world).map(({ number }) => number)).toEqual([0, 1, 2, 3]);
    expect((await world.verify(later(START, 190))).findings).toEqual([]);
  });

  test('take up what came while none could be signed', async () => {
    const { world } = await threeHours();
    await world.archiveSessions([recordSession(session({ at: later(START, 191) }))]);
    world.now = later(START, 9 * 24 * 60);
    await world.signDigest();
    expectAllSignedOnce(world);
    expect((await world.verify()).findings).toEqual([]);
  });

  test('stop where the last one was changed, rather than build on it', async () => {
    const { world } = await threeHours();
    world.archive.replace(world.archive.keys('digests/').at(-1) ?? '', '{}');
    await expect(world.signDigest()).rejects.toMatchObject({ code: 'ERR_ARCHIVE_CORRUPT' });
  });

  test('leave nothing behind where signing or writing fails', async () => {
    const world = makeWorld();
    await world.archiveSessions([recordSession(session())]);
    world.archive.failing = (key) => key.startsWith('digests/');
    await expect(world.signDigest()).rejects.toThrow();
    world.archive.failing = () => false;
    await world.signDigest();
    expectAllSignedOnce(world);
  });
});

test('without its environment the function says what is missing', () => {
  expect(() => makeDeps({})).toThrow(/ARCHIVE_BUCKET is missing/);
  expect(() => makeDeps({ ARCHIVE_BUCKET: 'b' })).toThrow(/DIGEST_KEY_ID is missing/);
});
