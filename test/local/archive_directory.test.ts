import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeArchiveDirectory } from '../../local/archive_directory.ts';
import { archiveConformance } from '../conformance/archive.ts';
import { keysOf } from '../support/collect.ts';

archiveConformance('a directory', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'sallyport-archive-'));
  return {
    archive: makeArchiveDirectory(path.join(directory, 'archive')),
    close: () => rm(directory, { recursive: true }),
  };
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-archive-'));
});
afterEach(() => rm(directory, { recursive: true }));

test.each([
  '../a',
  '/a',
  'a/../../b',
  'a//b',
  './a',
  '.partial-a',
  'a/.b',
  'a\0b',
  'a\\b',
  '',
  'a/',
])('the key %j is refused, to read and to write', async (key) => {
  const archive = makeArchiveDirectory(directory);
  await expect(archive.putOnce(key, Buffer.from('x'))).rejects.toThrow(/not a key/);
  await expect(archive.get(key)).rejects.toThrow(/not a key/);
  expect(await readdir(directory)).toEqual([]);
});

test('a write that failed leaves nothing, and what a crash left is not listed', async () => {
  const archive = makeArchiveDirectory(directory);
  await archive.putOnce('a', Buffer.from('x'));
  await expect(archive.putOnce('a/b', Buffer.from('x'))).rejects.toMatchObject({
    code: 'ERR_ARCHIVE_UNAVAILABLE',
  });
  await writeFile(path.join(directory, '.partial-1'), 'torn');
  expect(await keysOf(archive.list(''))).toEqual(['a']);
});

test('objects are for their owner alone', async () => {
  await makeArchiveDirectory(directory).putOnce('a/b', Buffer.from('x'));
  expect((await stat(path.join(directory, 'a/b'))).mode & 0o777).toBe(0o600);
});
