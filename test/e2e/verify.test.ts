/** What the security analyst is promised: the archive proves itself, and one changed byte shows. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { discard, type System, startSystem } from './system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(async () => discard(system));

test('verify proves the archive, and finds one changed byte', async () => {
  const client = await system.connect('alice');
  await client.query('select count(*) from products');
  await client.end();
  await system.stop();
  expect(await system.sallyport('verify')).toMatchObject({ status: 0 });
  const { directory } = system.local.archive;
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const segment = files.find((entry) => entry.isFile() && entry.name.endsWith('.ndjson.zst'));
  if (segment === undefined) throw new Error('There is no segment in the archive');
  const file = path.join(segment.parentPath, segment.name);
  const bytes = await readFile(file);
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  await writeFile(file, bytes);
  expect(await system.sallyport('verify')).toMatchObject({ status: 1 });
});
