/**
 * The gate between neighbours that do as a case says. Approval requests live by the real machine; the
 * decision goes through the real client; only what the neighbours answer, and when, is scripted.
 */
import { type ApprovalEvent, opened, step } from '../../core/approval/machine.ts';
import { type ApprovalRequest, viewOfRequest } from '../../core/approval/request.ts';
import type { EpochMs, PolicyVersion, RequestId } from '../../core/brand.ts';
import type { Command } from '../../core/command.ts';
import type { Allow, Decision, Deny, Hold } from '../../core/decision.ts';
import { GatewayError } from '../../core/errors.ts';
import { commandId } from '../../core/ids.ts';
import type { EventBody } from '../../core/recording/event.ts';
import type { Session } from '../../core/session.ts';
import type { Target } from '../../core/target.ts';
import type { ApprovalsRequest } from '../../core/wire/approvals.ts';
import { makeApprovals } from '../../proxy/gate/approvals_client.ts';
import { makeDecideClient } from '../../proxy/gate/decide_client.ts';
import { makeGate } from '../../proxy/gate/gate.ts';
import type { WaitTiming } from '../../proxy/gate/waiting_room.ts';
import type { Admission, Recorder } from '../../proxy/services.ts';
import { ASK, at, NOW, nextRequestId, OPEN, SESSION, sha256 } from './approval_requests.ts';

/** Stands in the statement, its parameter and its frame, and must turn up nowhere else. */
export const CANARY = 'canary-4711';
const VERSION = 'version-1' as PolicyVersion;

export const TARGET: Target = {
  name: 'orders',
  protocol: 'postgres',
  environment: 'demo',
  masks: { columns: [], detectors: [] },
  safeFunctions: [],
  record: 'spool',
};

export const ALICE: Session = {
  id: SESSION,
  principal: OPEN.principal,
  target: TARGET,
  client: '192.0.2.1:5000',
  application: 'psql',
  startedAt: NOW,
  expiresAt: at(NOW + 3_600_000),
};

const bytes = (text: string) => new TextEncoder().encode(text);

export function commandOf(ordinal = 7, change: Partial<Command> = {}): Command {
  return {
    id: commandId(SESSION, ordinal),
    frame: bytes(`Q....delete from orders where note = '${CANARY}'`),
    text: `delete from orders where note = '${CANARY}'`,
    parameters: [{ type: 25, format: 'text', value: bytes(CANARY) }],
    resultFormats: [],
    context: {
      database: 'orders',
      role: 'app',
      searchPath: ['public'],
      transaction: 'idle',
      settings: {},
    },
    facts: structuredClone(OPEN.facts),
    redacted: {
      text: "delete from orders where note = '****'",
      parameters: ['****'],
      complete: true,
    },
    ...change,
  };
}

const common = { policies: ['a-policy'], policyVersion: VERSION, ttlSeconds: 60 };
const obligations = { mask: [], unmask: [], detectors: [], record: 'spool' } as const;
export const ALLOW: Allow = { kind: 'allow', ...common, obligations };
export const DENY: Deny = { kind: 'deny', ...common, message: 'Not today' };
export const HOLD: Hold = { kind: 'hold', ...common, asks: [ASK], obligations };

export const BOB = {
  subject: 'bob',
  email: 'bob@example.com',
  kind: 'human',
  groups: ['dba'],
} as const;
const bobs = { kind: 'vote', voter: BOB, via: 'slack' } as const;
export const APPROVE: ApprovalEvent = { ...bobs, answer: 'approve', reason: '' };
export const DENIED: ApprovalEvent = { ...bobs, answer: 'deny', reason: 'Wrong table' };

export interface Script {
  /** What functions/decide gives, one after the other; the last one for good. */
  readonly decisions?: readonly unknown[];
  /**
   * What fails, by its line of the journal. `before`: it never took place; `after`: it did, and the
   * answer was lost.
   */
  readonly fails?: (line: string) => 'before' | 'after' | null;
  /** What takes some milliseconds, by its line of the journal, and not only one turn of the loop. */
  readonly slow?: (line: string) => boolean;
  /** What happens to each request as soon as it is opened. */
  readonly thereupon?: readonly ApprovalEvent[];
  readonly waiting?: Partial<WaitTiming>;
  /** One that exists, instead of a scripted one. */
  readonly recorder?: Pick<Recorder, 'append'>;
  /** The published version; as that of the decisions where nothing is said. */
  readonly policyVersion?: PolicyVersion | null;
}

export type GateWorld = ReturnType<typeof makeGateWorld>;

/** Slow answers come later than this. */
const DECIDE_DEADLINE_MS = 30;
const SLOW_MS = 20;
const FAST: Partial<WaitTiming> = { eagerPollMs: 1, pollMs: 1 };
/** A decision that never comes. */
export const SILENCE = Symbol('silence');

export function makeGateWorld(script: Script = {}) {
  /** Everything that took place, in order. */
  const journal: string[] = [];
  const events: { readonly body: EventBody; readonly mode: string }[] = [];
  const logged: string[] = [];
  const notices: string[] = [];
  const state = { ms: 0, fresh: true, lost: false, revoked: false };
  const decisions = [...(script.decisions ?? [ALLOW])];
  const clock = { now: () => at(NOW + state.ms), monotonic: () => state.ms };
  const write = (event: string, fields?: Readonly<Record<string, unknown>>) => {
    logged.push(JSON.stringify({ event, ...fields }));
  };
  const { requests, call, act } = scriptedApprovals(script, journal, clock.now);

  /** One turn of the loop, so that whoever does not wait for it is found out. */
  const scripted = async <T>(line: string, work: () => T): Promise<T> => {
    journal.push(`${line} begins`);
    const slow = script.slow?.(line) ?? false;
    await new Promise((resolve) => (slow ? setTimeout(resolve, SLOW_MS) : setImmediate(resolve)));
    return failing(script, journal, line, work);
  };

  const gate = makeGate({
    decide: makeDecideClient(async () => {
      const decision = decisions.length > 1 ? decisions.shift() : decisions[0];
      if (decision === SILENCE) return new Promise(() => {});
      return scripted('decide', () => {
        if (decision instanceof Error) throw decision;
        return decision;
      });
    }, DECIDE_DEADLINE_MS),
    approvals: makeApprovals({
      call: (request) => scripted(request.operation, () => call(request)),
      read: (ids) =>
        scripted('read', () =>
          ids.flatMap((id) => {
            const request = requests.get(id);
            return request === undefined ? [] : [viewOfRequest(request)];
          }),
        ),
    }),
    recorder: script.recorder ?? {
      append: (_session, body, mode) =>
        scripted(`append ${body.kind} ${mode}`, () => {
          events.push({ body, mode });
        }).catch((cause: unknown) => {
          throw new GatewayError('ERR_RECORDING_FAILED', 'The spool is full', { cause });
        }),
    },
    clock,
    sha256,
    ids: { request: nextRequestId },
    log: { info: write, warn: write, error: write },
    policyState: {
      fresh: () => state.fresh,
      lost: () => state.lost,
      versions: () => VERSION,
      policyVersion: () => (script.policyVersion === undefined ? VERSION : script.policyVersion),
      isRevoked: () => state.revoked,
    },
    waiting: { ...FAST, ...script.waiting },
  });

  const controller = new AbortController();
  const told: { onNotice: () => void } = { onNotice: () => {} };
  const notice = (text: string) => {
    notices.push(text);
    told.onNotice();
  };
  const hooks = { notice, signal: controller.signal };
  return {
    gate,
    journal,
    events,
    logged,
    notices,
    state,
    requests,
    act,
    hooks,
    told,
    leave: () => controller.abort(),
    admit: (command = commandOf()): Promise<Admission> => gate.admit(ALICE, command, hooks),
  };
}

function failing<T>(script: Script, journal: string[], line: string, work: () => T): T {
  const failure = script.fails?.(line) ?? null;
  if (failure === 'before') {
    journal.push(`${line} fails`);
    throw new Error('It failed');
  }
  const result = work();
  journal.push(line);
  if (failure === 'after') throw new Error('The answer was lost');
  return result;
}

function scriptedApprovals(script: Script, journal: string[], now: () => EpochMs) {
  const requests = new Map<RequestId, ApprovalRequest>();
  const act = (event: ApprovalEvent, id = [...requests.keys()][0]) => {
    const request = id === undefined ? undefined : requests.get(id);
    if (request === undefined) {
      return { result: 'refused', reason: 'unknown-request', message: 'There is none' };
    }
    const { request: next, refused } = step(request, event, now());
    requests.set(next.id, next);
    return refused === null
      ? { result: 'done', request: viewOfRequest(next) }
      : { result: 'refused', ...refused };
  };
  const call = (request: ApprovalsRequest): unknown => {
    switch (request.operation) {
      case 'open': {
        const fresh = opened(request, now());
        requests.set(request.id, fresh);
        for (const event of script.thereupon ?? []) act(event, request.id);
        return { result: 'done', request: viewOfRequest(fresh) };
      }
      case 'renew':
        for (const id of request.ids) act({ kind: 'renew' }, id);
        return { result: 'done', request: null };
      case 'withdraw':
        return act({ kind: 'withdraw', reason: request.reason }, request.id);
      case 'consume': {
        const { id, session, command, binding } = request;
        return act({ kind: 'consume', session, command, binding }, id);
      }
      case 'outcome':
        journal.push(`outcome is ${request.outcome}`);
        return act({ kind: 'outcome', outcome: request.outcome }, request.id);
    }
  };
  return { requests, call, act };
}

/** `permitted`, or the kind of the refusal. */
export function nameOf(admission: Admission): string {
  return admission.kind === 'permitted' ? 'permitted' : admission.refusal.kind;
}

/** Kinds and modes of what was recorded, without the steps of approvals. */
export function recorded(world: GateWorld): readonly string[] {
  return world.events
    .filter(({ body }) => body.kind !== 'approval.step')
    .map(({ body, mode }) => `${body.kind} ${mode}`);
}

export function stepsOf(world: GateWorld): readonly string[] {
  return world.events.flatMap(({ body }) => (body.kind === 'approval.step' ? [body.status] : []));
}

export function decisionWith(decision: Decision, change: object): Decision {
  return { ...decision, ...change } as Decision;
}
