/**
 * A timeline in words, for the terminal and for the page alike.
 *
 * What was recorded was typed by someone, and may be made to fool who reads it: escape sequences of the
 * terminal, text that runs backwards, letters of no width. Everything passes `visible` here, and only
 * here; whoever prints a Narrative prints it as it is.
 */
import { visible } from '../../core/approval/showing.ts';
import type { CommandRecord, Outcome } from '../../core/recording/event.ts';
import type { Entry, Timeline } from './timeline.ts';

export interface Told {
  /** `14:02:11.120`, UTC; with the date where it is not the day on which the session began. */
  readonly time: string;
  readonly tone: 'good' | 'bad' | 'waiting';
  readonly mark: string;
  /** `DROP TABLE: denied by no-definitions`. */
  readonly heading: string;
  /** May have lines. */
  readonly statement: string;
  readonly notes: readonly string[];
}

export interface Narrative {
  readonly title: string;
  readonly facts: readonly string[];
  readonly problems: readonly string[];
  readonly entries: readonly Told[];
}

export function narrate(timeline: Timeline): Narrative {
  return {
    title: `Session ${timeline.session}`,
    facts: factsOf(timeline),
    problems: timeline.problems.map(oneLine),
    entries: timeline.entries.map((entry) => told(entry, timeline.startedAt)),
  };
}

/** On one line, with nothing in it that hides or moves anything. */
export function oneLine(text: string): string {
  return visible(text).replaceAll('\n', '<U+000A>').replaceAll('\t', '<U+0009>');
}

/** `2026-11-23 14:02:11`, UTC. */
export function instant(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

/** `850 ms`, `12 s`, `3 min 4 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Number(ms.toPrecision(3))} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function factsOf({ who, startedAt, endedAt, reason, ...session }: Timeline): readonly string[] {
  const groups = who.groups.length === 0 ? 'in no group' : `in ${who.groups.join(', ')}`;
  const program = session.application === '' ? '' : ` with ${session.application}`;
  const protocol = session.protocol === '' ? '' : `, ${session.protocol}`;
  const end =
    endedAt === null
      ? ', still open'
      : ` to ${instant(endedAt)} (${duration(endedAt - startedAt)}), ended: ${reason}`;
  return [
    `Who      ${who.principal} (${who.kind}, ${groups})`,
    `Target   ${who.target} (${who.environment}${protocol})`,
    `Client   ${who.client}${program}`,
    `When     ${instant(startedAt)}${end}; times are UTC`,
    `Commands ${session.commands}`,
  ].map(oneLine);
}

const MARKS: Readonly<Record<Entry['status'], Pick<Told, 'mark' | 'tone'>>> = {
  succeeded: { mark: '✓', tone: 'good' },
  refused: { mark: '✗', tone: 'bad' },
  failed: { mark: '!', tone: 'bad' },
  cancelled: { mark: '!', tone: 'bad' },
  unknown: { mark: '?', tone: 'bad' },
  waiting: { mark: '…', tone: 'waiting' },
  running: { mark: '…', tone: 'waiting' },
};

function told(entry: Entry, startedAt: number): Told {
  const { record, outcome, status } = entry;
  const date = instant(entry.at).slice(0, 10);
  const day = date === instant(startedAt).slice(0, 10) ? '' : `${date} `;
  const notes = [
    ...(record === null ? [] : recordNotes(record)),
    ...approvalNotes(entry),
    ...(outcome === null ? [] : [outcomeNote(outcome)]),
    ...(record === null || record.refusal === '' ? [] : [`Refused: ${record.refusal}`]),
  ];
  return {
    time: day + new Date(entry.at).toISOString().slice(11, 23),
    ...MARKS[status],
    heading: oneLine(headingOf(entry)),
    statement: record === null ? '' : visible(record.statement),
    notes: notes.map(oneLine),
  };
}

const DECIDED = { allow: 'allowed', deny: 'denied', hold: 'held' } as const;

function headingOf({ record, status }: Entry): string {
  if (record === null) return 'A command: held, waiting for an answer';
  const by = record.policies.length === 0 ? '' : ` by ${record.policies.join(', ')}`;
  const running = status === 'running' ? '; no answer yet' : '';
  return `${record.tag || 'A command'}: ${DECIDED[record.decision]}${by}${running}`;
}

function recordNotes(record: CommandRecord): readonly string[] {
  const notes = record.parameters.map((value, index) => `$${index + 1} = ${value}`);
  if (record.statementCut > 0) {
    notes.unshift(`The statement goes on for ${count(record.statementCut, 'character')} more`);
  }
  if (record.objects.length > 0) {
    notes.push(`Touches ${record.objects.map(({ name }) => name).join(', ')}`);
  }
  if (record.opaque !== null) notes.push(`Opaque: ${record.opaque}`);
  return notes;
}

function approvalNotes({ record, request, steps }: Entry): readonly string[] {
  const approval = record?.approval ?? null;
  const said = steps
    .filter(({ status, detail }) => detail !== '' && status !== 'approved')
    .map(({ status, detail }) => `${capital(status)}: ${detail}`);
  if (approval === null) return request === null ? said : [...said, `Request ${request}`];
  const { id, approvers, requestedAt, decidedAt } = approval;
  if (approvers.length === 0 || decidedAt === null) return [...said, `Request ${id}`];
  const took = duration(decidedAt - requestedAt);
  return [...said, `Approved by ${approvers.join(', ')} after ${took} (${id})`];
}

function outcomeNote(outcome: Outcome): string {
  const { status, sqlState, rows, bytes, durationMs, masked } = outcome;
  if (status === 'unknown') return 'Outcome unknown: it was forwarded, and no answer came';
  const error = sqlState === '' ? '' : ` with ${sqlState}`;
  const size = `${count(rows, 'row')}, ${count(bytes, 'byte')} in ${duration(durationMs)}`;
  const cells = masked.map((mask) => `${mask.kind} ${mask.count}`).join(', ');
  return `${capital(status)}${error}: ${size}${cells === '' ? '' : `; masked ${cells}`}`;
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
