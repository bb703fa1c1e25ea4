/** The order of the spool's files, which recovery and the shipper rely on. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RECORDER_LIMITS } from '../../../proxy/recorder/limits.ts';
import { leftoverFiles, openSpool } from '../../../proxy/recorder/spool.ts';
import { memoryLog } from '../../support/recording.ts';

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'sallyport-spool-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

/** One process's life: each text goes into a file of its own, at the time that its clock shows. */
function write(texts: readonly string[], clock: () => number): void {
  const spool = openSpool(
    {
      directory,
      limits: { ...RECORDER_LIMITS, fileBytes: 1 },
      log: memoryLog(),
      now: clock,
      preamble: () => [],
      onWrite: () => {},
    },
    leftoverFiles(directory),
  );
  for (const text of texts) {
    spool.append({
      line: Buffer.from(text),
      written: () => {},
      failed: (error) => expect.unreachable(String(error)),
    });
    spool.flush();
  }
  spool.close();
}

/** A file that was begun and holds nothing yet is no part of the order. */
const inOrder = () =>
  leftoverFiles(directory).flatMap(
    (file) => /line-\d/.exec(fs.readFileSync(file.path, 'utf8'))?.[0] ?? [],
  );

test.each([
  ['goes back', [3_000, 2_000, 1_000]],
  ['stands still', [2_000, 2_000, 2_000]],
  ['goes on', [1_000, 2_000, 3_000]],
])(
  'files left by three processes are read as they were written when the clock %s',
  (_name, clock) => {
    write(['line-1', 'line-2'], () => clock[0] ?? 0);
    write(['line-3'], () => clock[1] ?? 0);
    write(['line-4'], () => clock[2] ?? 0);
    expect(inOrder()).toEqual(['line-1', 'line-2', 'line-3', 'line-4']);
  },
);

test('files of one process are read as they were written when its clock goes back', () => {
  let now = 3_000;
  write(['line-1', 'line-2', 'line-3'], () => {
    now -= 1_000;
    return now;
  });
  expect(inOrder()).toEqual(['line-1', 'line-2', 'line-3']);
});
