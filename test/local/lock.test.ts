import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeLock } from '../../local/lock.ts';

let directory: string;
const file = () => path.join(directory, 'lock');
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-lock-'));
});
afterEach(async () => rm(directory, { recursive: true, force: true }));

test('is taken, and given back', async () => {
  const lock = await takeLock(directory);
  expect(await readFile(file(), 'utf8')).toBe(String(process.pid));
  await lock.release();
  await expect(readFile(file())).rejects.toMatchObject({ code: 'ENOENT' });
});

test('another running system keeps it', async () => {
  // The parent is a node process that lives as long as this test.
  await writeFile(file(), String(process.ppid));
  await expect(takeLock(directory)).rejects.toThrow(`already running (pid ${process.ppid})`);
});

test.each([
  ['a process that was killed', '4194304'],
  ['a process that is no local system', '1'],
  ['nobody, half written', ''],
])('is taken over from %s', async (_name, content) => {
  await writeFile(file(), content);
  await (await takeLock(directory)).release();
});
