/**
 * What happened in a session, a command at a time: the intent, the result and the steps of the approval
 * of one command are one entry here.
 */
import type { SessionId } from '../../core/brand.ts';
import type { CommandRecord, Outcome, RecordedEvent, Who } from '../../core/recording/event.ts';
import { sessionStart } from '../../core/recording/segment.ts';
import type { Recording } from './recordings.ts';

export interface Step {
  /** Milliseconds since the epoch, like every `At` here. */
  readonly at: number;
  readonly status: string;
  readonly detail: string;
}

export interface Entry {
  readonly at: number;
  /**
   * `waiting`: held, no answer yet. `running`: forwarded, not answered yet. `refused`: never forwarded.
   * The others: how the target's answer ended.
   */
  readonly status: 'waiting' | 'running' | 'refused' | Outcome['status'];
  /** Null while it waits for an approval: until then the record knows the request alone. */
  readonly record: CommandRecord | null;
  readonly outcome: Outcome | null;
  /** The id of its approval request; null where it was not held. */
  readonly request: string | null;
  /** Of that request, in order; empty where it was not held. */
  readonly steps: readonly Step[];
}

export interface Timeline {
  readonly session: SessionId;
  readonly who: Who;
  readonly protocol: string;
  readonly application: string;
  readonly startedAt: number;
  /** Null while it is open. */
  readonly endedAt: number | null;
  /** Why it ended; '' while it is open. */
  readonly reason: string;
  /** Commands that were answered or refused, as the end event counts them. */
  readonly commands: number;
  readonly entries: readonly Entry[];
  readonly problems: readonly string[];
}

interface Draft {
  readonly at: number;
  readonly request: string | null;
  record: CommandRecord | null;
  outcome: Outcome | null;
  refused: boolean;
  readonly steps: Step[];
}

export function timelineOf({ session, events, problems }: Recording): Timeline {
  const first = events[0];
  if (first === undefined) throw new Error('Broken invariant: a recording has an event');
  const start = events.map(({ body }) => body).find((body) => body.kind === 'session.start');
  const end = events.findLast(({ body }) => body.kind === 'session.end');
  const entries = draftsOf(events).map(finished);
  return {
    session,
    who: first.who,
    protocol: start?.protocol ?? '',
    application: start?.application ?? '',
    startedAt: sessionStart(session),
    endedAt: end?.at ?? null,
    reason: end?.body.kind === 'session.end' ? end.body.reason : '',
    commands: entries.filter(({ status }) => status !== 'waiting' && status !== 'running').length,
    entries,
    problems,
  };
}

function draftsOf(events: readonly RecordedEvent[]): readonly Draft[] {
  const drafts: Draft[] = [];
  const byCommand = new Map<string, Draft>();
  const byRequest = new Map<string, Draft>();
  const open = (at: number, request: string | null): Draft => {
    const draft: Draft = { at, request, record: null, outcome: null, refused: false, steps: [] };
    drafts.push(draft);
    return draft;
  };
  const ofRequest = (request: string, at: number): Draft => {
    const draft = byRequest.get(request) ?? open(at, request);
    byRequest.set(request, draft);
    return draft;
  };
  // A held command is first heard of by its request: its record follows once that is answered.
  const ofCommand = (record: CommandRecord, at: number): Draft => {
    const { command, approval } = record;
    const draft =
      byCommand.get(command) ?? (approval === null ? open(at, null) : ofRequest(approval.id, at));
    byCommand.set(command, draft);
    return Object.assign(draft, { record });
  };
  for (const { at, body } of events) {
    if (body.kind === 'command.intent') ofCommand(body.record, at);
    if (body.kind === 'command.result') ofCommand(body.record, at).outcome = body.outcome;
    if (body.kind === 'command.refused') ofCommand(body.record, at).refused = true;
    if (body.kind === 'approval.step') {
      const { status, detail } = body;
      ofRequest(body.request, at).steps.push({ at, status, detail });
    }
  }
  return drafts;
}

function finished({ at, request, record, outcome, refused, steps }: Draft): Entry {
  const status = statusOf({ record, outcome, refused });
  return { at, status, request, record, outcome, steps };
}

function statusOf({
  record,
  outcome,
  refused,
}: Pick<Draft, 'record' | 'outcome' | 'refused'>): Entry['status'] {
  if (refused) return 'refused';
  if (outcome !== null) return outcome.status;
  return record === null ? 'waiting' : 'running';
}
