/** Sessions, commands and an event stream in memory, for tests of the record. */
import { hash } from 'node:crypto';
import * as v from 'valibot';
import { EpochMs, PolicyVersion, SessionId, type Sha256Hex } from '../../core/brand.ts';
import { commandId, makeIds } from '../../core/ids.ts';
import type { Sha256 } from '../../core/recording/chain.ts';
import type {
  CommandRecord,
  EventBody,
  Outcome,
  RecordedEvent,
} from '../../core/recording/event.ts';
import { parseLine } from '../../core/recording/segment.ts';
import type { Session } from '../../core/session.ts';
import type { EventStream, StreamRecord } from '../../proxy/recorder/stream.ts';
import type { Log } from '../../proxy/services.ts';
import { TARGET } from './gateway.ts';

export const sha256: Sha256 = (data) => hash('sha256', data, 'hex') as Sha256Hex;
export const ms = (value: number): EpochMs => v.parse(EpochMs, value);

/** 2026-11-23T22:00:00Z */
export const START = ms(Date.UTC(2026, 10, 23, 22));

let minted = 0;
/** A fresh id whose time is `at`. */
export function sessionId(at: number = START): SessionId {
  minted += 1;
  const counter = minted;
  const random = (count: number) =>
    Uint8Array.from({ length: count }, (_, i) => (i < 4 ? (counter >>> (8 * i)) & 255 : 7));
  return v.parse(SessionId, makeIds({ now: () => ms(at), random }).session());
}

export function session(
  options: { at?: number; record?: 'spool' | 'sync' | 'async' } = {},
): Session {
  const at = options.at ?? START;
  return {
    id: sessionId(at),
    principal: {
      subject: 'idp|ana',
      email: 'ana@example.com',
      kind: 'human',
      groups: ['engineering', 'oncall'],
      actor: null,
      assurance: '',
    },
    target: { ...TARGET, record: options.record ?? 'spool' },
    client: '10.0.4.7:53122',
    application: 'psql',
    startedAt: ms(at),
    expiresAt: ms(at + 3_600_000),
  };
}

export function command(
  id: SessionId,
  ordinal: number,
  changes: Partial<CommandRecord> = {},
): CommandRecord {
  return {
    command: commandId(id, ordinal),
    tag: 'SELECT',
    verbs: ['read'],
    objects: [{ kind: 'relation', name: 'public.orders' }],
    opaque: null,
    bounded: true,
    statement: `select * from orders where id = ${ordinal}`,
    parameters: [],
    statementCut: 0,
    decision: 'allow',
    policies: ['reading'],
    policyVersion: v.parse(PolicyVersion, 'v1'),
    refusal: '',
    approval: null,
    ...changes,
  };
}

export const intent = (record: CommandRecord): EventBody => ({ kind: 'command.intent', record });

export function result(record: CommandRecord, changes: Partial<Outcome> = {}): EventBody {
  const outcome: Outcome = {
    status: 'succeeded',
    sqlState: '',
    rows: 1,
    bytes: 64,
    durationMs: 1.5,
    masked: [{ kind: 'column:public.customers.email', count: 2 }],
    ...changes,
  };
  return { kind: 'command.result', record, outcome };
}

export interface MemoryStream extends EventStream {
  readonly records: StreamRecord[];
  /** All events that it holds, decoded, in the order of arrival. */
  readonly events: () => readonly RecordedEvent[];
  /** Set to make every put fail, or hang while the promise is pending. */
  failing: (() => Promise<void>) | null;
}

export function memoryStream(): MemoryStream {
  const records: StreamRecord[] = [];
  const stream: MemoryStream = {
    records,
    failing: null,
    put: async (batch) => {
      // A real stream answers in a later turn.
      await new Promise((resolve) => setImmediate(resolve));
      await stream.failing?.();
      records.push(...batch);
    },
    events: () => records.flatMap(({ data }) => eventsOf(data)),
  };
  return stream;
}

export function eventsOf(data: Uint8Array): readonly RecordedEvent[] {
  const lines = Buffer.from(data).toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map(parseLine);
}

export interface MemoryLog extends Log {
  readonly lines: { level: string; event: string; fields: Readonly<Record<string, unknown>> }[];
  readonly names: () => readonly string[];
}

export function memoryLog(): MemoryLog {
  const lines: MemoryLog['lines'] = [];
  const at =
    (level: string) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ level, event, fields });
    };
  return {
    lines,
    names: () => lines.map(({ event }) => event),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}
