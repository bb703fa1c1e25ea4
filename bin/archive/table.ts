/** Rows as an aligned table of text. */
import { oneLine } from './narrative.ts';

/** Widest cell, characters, unless whole cells are asked for: a statement is longer than a terminal. */
const CELL_MAX = 60;

export interface TableOptions {
  /** Whole cells, however wide. */
  readonly full: boolean;
}

export function formatTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  { full }: TableOptions,
): string {
  const cells = [columns, ...rows].map((row) =>
    row.map((cell) => (full ? oneLine(cell) : cut(oneLine(cell)))),
  );
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  const [head = [], ...body] = cells;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

function cut(text: string): string {
  return text.length <= CELL_MAX ? text : `${text.slice(0, CELL_MAX - 1)}…`;
}
