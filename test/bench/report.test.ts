import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { markdown, rowsOf, type Sample, writeInto } from '../../bench/report.ts';
import { median } from '../../bench/statistics.ts';

function sample(round: number, route: string, transactionsPerSecond: number): Sample {
  const measured = {
    transactionsPerSecond,
    medianMs: 1000 / transactionsPerSecond,
    cpuMicroseconds: 50,
  };
  return { round, route, mode: 'simple', clients: 8, measured };
}

test('the median of an even number of values lies between the two in the middle', () => {
  expect(median([4, 1, 3, 100])).toBe(3.5);
  expect(median([2, 1, 3])).toBe(2);
  expect(median([])).toBeNaN();
});

test('ratios are taken within a round, so that a slow round does not spoil them', () => {
  const samples = [
    sample(0, 'direct', 1000),
    sample(0, 'PgBouncer', 800),
    sample(0, 'gateway', 600),
    sample(1, 'gateway', 60),
    sample(1, 'PgBouncer', 80),
    sample(1, 'direct', 100),
  ];
  const [row] = rowsOf(samples);
  expect(row).toMatchObject({ mode: 'simple', clients: 8, toDirect: 0.6, toPgBouncer: 0.75 });
  expect(markdown([row as never])).toContain('| simple, 8 | 330 | 0.60 | 0.75 |');
});

test('without PgBouncer its columns say so', () => {
  const rows = rowsOf([sample(0, 'direct', 1000), sample(0, 'gateway', 500)]);
  expect(rows[0]?.toPgBouncer).toBeNull();
  expect(markdown(rows)).toContain('| 0.50 | n/a |');
});

test('the table replaces what is between the markers, and nothing else', async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'sallyport-report-'));
  const file = path.join(directory, 'README.md');
  try {
    await writeFile(
      file,
      'a\n<!-- bench:postgres:begin -->\nold\n<!-- bench:postgres:end -->\nz\n',
    );
    await writeInto(file, 'new');
    const expected = 'a\n<!-- bench:postgres:begin -->\nnew\n<!-- bench:postgres:end -->\nz\n';
    expect(await readFile(file, 'utf8')).toBe(expected);
    await writeFile(file, 'no markers');
    await expect(writeInto(file, 'new')).rejects.toThrow('has no <!-- bench:postgres:begin -->');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
