/** From measured slices to a table of medians. Ratios are taken within a round: its slices share a noise. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Measured, Mode } from './pgbench.ts';
import { median } from './statistics.ts';

export interface Sample {
  readonly round: number;
  readonly route: string;
  readonly mode: Mode;
  readonly clients: number;
  readonly measured: Measured;
}

export interface Row {
  readonly mode: Mode;
  readonly clients: number;
  /** Throughput of the gateway as a share of the other's; null where there is no other. */
  readonly toDirect: number | null;
  readonly toPgBouncer: number | null;
  readonly transactionsPerSecond: number;
  /** Added to the median latency of a direct connection. */
  readonly addedMs: number;
  readonly cpuMicroseconds: number;
  readonly pgBouncerCpuMicroseconds: number | null;
}

const GATEWAY = 'gateway';
const BEGIN = '<!-- bench:postgres:begin -->';
const END = '<!-- bench:postgres:end -->';

export function rowsOf(samples: readonly Sample[]): readonly Row[] {
  const cells = new Map(
    samples.map(({ mode, clients }) => [`${mode}/${clients}`, { mode, clients }]),
  );
  return [...cells.values()].map(({ mode, clients }) => {
    const cell = samples.filter((sample) => sample.mode === mode && sample.clients === clients);
    const own = cell.filter(({ route }) => route === GATEWAY);
    const against = (other: string, value: (own: Measured, other: Measured) => number) => {
      const values = own.flatMap((sample) =>
        cell
          .filter(({ route, round }) => route === other && round === sample.round)
          .map(({ measured }) => value(sample.measured, measured)),
      );
      return values.length === 0 ? null : median(values);
    };
    const share = (a: Measured, b: Measured) => a.transactionsPerSecond / b.transactionsPerSecond;
    return {
      mode,
      clients,
      toDirect: against('direct', share),
      toPgBouncer: against('PgBouncer', share),
      transactionsPerSecond: median(own.map(({ measured }) => measured.transactionsPerSecond)),
      addedMs: against('direct', (a, b) => a.medianMs - b.medianMs) ?? Number.NaN,
      cpuMicroseconds: median(own.map(({ measured }) => measured.cpuMicroseconds)),
      pgBouncerCpuMicroseconds: against('PgBouncer', (_own, other) => other.cpuMicroseconds),
    };
  });
}

export function markdown(rows: readonly Row[]): string {
  const number = (value: number | null, digits: number) =>
    value === null ? 'n/a' : value.toFixed(digits);
  const lines = rows.map((row) =>
    [
      `${row.mode}, ${row.clients}`,
      number(row.transactionsPerSecond, 0),
      number(row.toDirect, 2),
      number(row.toPgBouncer, 2),
      number(row.addedMs, 2),
      number(row.cpuMicroseconds, 0),
      number(row.pgBouncerCpuMicroseconds, 0),
    ].join(' | '),
  );
  return [
    '| pgbench -S, clients | transactions/s | of direct | of PgBouncer | added at the median, ms | CPU µs/transaction | PgBouncer’s |',
    '|---|---:|---:|---:|---:|---:|---:|',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}

/** Puts the text between the markers, which have to be there. */
export async function writeInto(file: string, text: string): Promise<void> {
  const document = await readFile(file, 'utf8');
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot write the table: "${file}" has no ${BEGIN} and ${END}`);
  }
  const head = document.slice(0, begin + BEGIN.length);
  await writeFile(file, `${head}\n${text}\n${document.slice(end)}`);
}
