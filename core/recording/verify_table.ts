/** Whether the SQL table says what the recordings say: every row that of an event, every event a row. */
import type { EpochMs, SessionId, Sha256Hex } from '../brand.ts';
import type { Sha256 } from './chain.ts';
import { type Cell, COLUMNS, type Row, rowOf } from './columns.ts';
import { eventId, type RecordedEvent } from './event.ts';
import type { Finding } from './verify.ts';

/** By then an event's row is written, or the archive's alarm for being late has gone off. */
const ROW_GRACE_MS = 5 * 60_000;

export interface TableCheck {
  /** Of each recorded event, in any order. */
  readonly recorded: (event: RecordedEvent) => void;
  /** Of each file of the table, after all events. */
  readonly file: (key: string, rows: readonly Row[]) => readonly Finding[];
  /** After all files: events without a row. */
  readonly rest: (now: EpochMs) => readonly Finding[];
}

interface Expected {
  readonly session: SessionId;
  readonly seq: number;
  readonly at: EpochMs;
  /** Of the row, so that a large archive is not held in memory. */
  readonly digest: Sha256Hex;
  isFound: boolean;
}

export function makeTableCheck(sha256: Sha256): TableCheck {
  const expected = new Map<string, Expected>();
  return {
    recorded: (event) => {
      const { session, seq, at } = event;
      const digest = sha256(rowText(rowOf(event)));
      expected.set(eventId(event), { session, seq, at, digest, isFound: false });
    },
    file: (key, rows) => {
      const wrong = rows.filter((row) => !take(row));
      const [first] = wrong;
      if (first === undefined) return [];
      const many = wrong.length === 1 ? '1 row is' : `${wrong.length} rows are`;
      const detail = `${many} not what was recorded, first that of event ${String(first['event_id'])}`;
      return [{ kind: 'table-mismatch', key, session: null, seq: null, detail }];
    },
    rest: (now) => {
      const late = [...expected.values()].filter(
        ({ isFound, at }) => !isFound && at < now - ROW_GRACE_MS,
      );
      return [...Map.groupBy(late, ({ session }) => session)].map(([session, events]) => ({
        kind: 'table-incomplete',
        key: '',
        session,
        seq: Math.min(...events.map(({ seq }) => seq)),
        detail: `${events.length} recorded events have no row in the table`,
      }));
    },
  };

  function take(row: Row): boolean {
    const event = expected.get(String(row['event_id']));
    if (event === undefined) return false;
    event.isFound = true;
    return event.digest === sha256(rowText(row));
  }
}

/** One text for one row, whoever read it. */
function rowText(row: Row): string {
  return JSON.stringify(COLUMNS.map(({ name }) => cellText(row[name] ?? null)));
}

function cellText(cell: Cell): unknown {
  if (typeof cell === 'bigint') return `${cell}n`;
  if (cell instanceof Date) return cell.getTime();
  if (Array.isArray(cell)) return (cell as readonly (string | bigint)[]).map(cellText);
  return cell;
}
