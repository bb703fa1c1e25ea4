/** `--since`: the beginning of a period, as people write it. */
import { UsageError } from '../commands/command.ts';

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?$/;

/**
 * `90m`, `12h`, `7d` before now, or an instant in UTC: `2026-11-16` or `2026-11-16T08:00Z`.
 * @returns milliseconds since the epoch
 * @throws UsageError for anything else
 */
export function parseSince(text: string, now: number): number {
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (count !== undefined) {
    return Math.max(0, now - Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]);
  }
  const at = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  // Date.parse takes the 30th of February for the 2nd of March.
  if (Number.isNaN(at) || at < 0 || !new Date(at).toISOString().startsWith(text.slice(0, 10))) {
    throw new UsageError(`Cannot read "${text}": write --since like 90m, 12h, 7d or 2026-11-16`);
  }
  return at;
}
