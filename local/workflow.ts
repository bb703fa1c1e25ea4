/**
 * The Workflow port over aws-local-stepfunctions: the very definition that lib/ deploys, in-process.
 * The engine keeps nothing across a restart and needs to keep nothing: the table holds every decision,
 * so at start each unfinished request simply gets a new execution (`driveOn`).
 */
import { randomUUID } from 'node:crypto';
import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions';
import type { RequestId } from '../core/brand.ts';
import type { Log, Workflow } from '../functions/approvals/deps.ts';
import type { Store } from '../functions/approvals/store.ts';
import { workflowDefinition } from '../functions/approvals/workflow.ts';

export interface LocalWorkflow extends Workflow {
  /** The handler of functions/approvals/workflow_steps, which itself needs the workflow: set once. */
  readonly connect: (steps: (event: unknown) => Promise<unknown>) => void;
  /** Starts an execution for every request that has not come to its end. */
  readonly driveOn: (store: Store) => Promise<number>;
  /** What every execution was given and answered: for the test that looks for secrets in it. */
  readonly history: () => readonly unknown[];
  readonly close: () => Promise<void>;
}

/** Entries kept of `history`. */
const HISTORY_MAX = 10_000;

interface Engine {
  readonly machine: StateMachine;
  readonly log: Log;
  readonly running: Map<RequestId, { abort: () => void; result: Promise<unknown> }>;
  /** By task token: one per execution, and so at most one wait each. */
  readonly waits: Map<string, (output: Record<string, string>) => void>;
  readonly history: unknown[];
  /** Steps that are being taken: an aborted execution does not wait for its last one, close() does. */
  readonly taking: Set<Promise<unknown>>;
  steps: (event: unknown) => Promise<unknown>;
}

export function makeLocalWorkflow({ log }: { readonly log: Log }): LocalWorkflow {
  const definition = workflowDefinition({
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:approval-steps',
  });
  const engine: Engine = {
    // Plain data to us, the engine's own types to it; it validates what it is given.
    machine: new StateMachine(definition as unknown as StateMachineDefinition),
    log,
    running: new Map(),
    waits: new Map(),
    history: [],
    taking: new Set(),
    steps: async () => Promise.reject(new Error('connect() comes before start()')),
  };
  const start: Workflow['start'] = async (id, input) => {
    if (!engine.running.has(id)) execute(engine, id, input);
    return Promise.resolve();
  };
  return {
    start,
    complete: async (token, output) => {
      engine.waits.get(token)?.({ ...output });
      return Promise.resolve();
    },
    connect: (steps) => {
      engine.steps = steps;
    },
    driveOn: async (store) => driveOn(store, start),
    history: () => engine.history,
    close: async () => {
      const all = [...engine.running.values()];
      for (const execution of all) execution.abort();
      for (const finish of engine.waits.values()) finish({});
      await Promise.allSettled([...all.map((execution) => execution.result), ...engine.taking]);
    },
  };
}

function execute(engine: Engine, id: RequestId, input: { Payload: { id: RequestId } }): void {
  const token = randomUUID();
  const invoke = async (task: unknown) => {
    const { Payload } = task as { Payload: unknown };
    const step = engine.steps(Payload);
    engine.taking.add(step);
    const answer = await step.finally(() => engine.taking.delete(step));
    remember(engine, { id, Payload, answer });
    return { Payload: answer as never };
  };
  const wait = async (task: unknown) => {
    // Registered before the handler runs: it may complete its own token at once.
    const woken = new Promise<Record<string, string>>((resolve) => {
      engine.waits.set(token, resolve);
    });
    await invoke(task);
    return woken;
  };
  const { abort, result } = engine.machine.run(structuredClone(input), {
    context: { Task: { Token: token } },
    overrides: {
      taskResourceLocalHandlers: { Notify: invoke, Settle: invoke, Expire: invoke, Wait: wait },
    },
    noThrowOnAbort: true,
  });
  remember(engine, { id, input });
  const ended = result
    // The request stays answerable: its lease and its expiry are compared by every handler.
    .catch((error: unknown) => engine.log.error('workflow.failed', { id, error: String(error) }))
    .finally(() => {
      engine.running.delete(id);
      engine.waits.delete(token);
    });
  engine.running.set(id, { abort, result: ended });
}

async function driveOn(store: Store, start: Workflow['start']): Promise<number> {
  const requests = await store.list();
  const unfinished = requests.filter(
    (request) =>
      ['requested', 'partly-approved', 'approved'].includes(request.status) ||
      (request.status === 'consumed' && request.outcome === null),
  );
  for (const { id } of unfinished) await start(id, { Payload: { id } });
  return unfinished.length;
}

function remember(engine: Engine, entry: unknown): void {
  engine.history.push(structuredClone(entry));
  if (engine.history.length > HISTORY_MAX) engine.history.shift();
}
