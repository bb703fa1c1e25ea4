/**
 * Checks of a state machine definition (Amazon States Language) that CDK and the template validators
 * leave to the deploy, or to the first execution.
 * https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
 */
import type { Problem } from './validate.ts';

interface State {
  readonly Type?: unknown;
  readonly Next?: unknown;
  readonly Default?: unknown;
  readonly End?: unknown;
  readonly Resource?: unknown;
  readonly TimeoutSeconds?: unknown;
  readonly TimeoutSecondsPath?: unknown;
  readonly Catch?: readonly { readonly Next?: unknown }[];
  readonly Choices?: readonly { readonly Next?: unknown }[];
}

const ENDS = new Set(['Succeed', 'Fail', 'Choice']);

/** Fields of the query language or of features that the local engine and moto cannot run alike. */
const NOT_USED = ['QueryLanguage', 'Assign', 'HeartbeatSeconds', 'HeartbeatSecondsPath'];

function nextOf(state: State): unknown[] {
  const all = [
    state.Next,
    state.Default,
    ...(state.Catch ?? []).map((c) => c.Next),
    ...(state.Choices ?? []).map((c) => c.Next),
  ];
  return all.filter((next) => next !== undefined);
}

function checkState(name: string, state: State, names: ReadonlySet<string>): Problem[] {
  const problems: Problem[] = [];
  for (const next of nextOf(state)) {
    if (typeof next !== 'string' || !names.has(next)) {
      problems.push(
        `State "${name}" goes on to ${JSON.stringify(next)}, which is not a state. Allowed: ${[...names].join(', ')}`,
      );
    }
  }
  if (state.Next === undefined && state.End !== true && !ENDS.has(String(state.Type))) {
    problems.push(`State "${name}" neither ends nor goes on. Give it Next or End`);
  }
  // Without a limit of its own, a task whose token is lost waits a year.
  const waits = String(state.Resource).endsWith('.waitForTaskToken');
  if (waits && state.TimeoutSeconds === undefined && state.TimeoutSecondsPath === undefined) {
    problems.push(`State "${name}" waits for a task token without TimeoutSeconds. Give it one`);
  }
  for (const field of NOT_USED) {
    if (field in state) {
      problems.push(`State "${name}" uses ${field}, which local mode cannot run. Leave it out`);
    }
  }
  return problems;
}

export function checkWorkflow(definition: unknown): Problem[] {
  const { StartAt, States, ...rest } = definition as {
    StartAt?: unknown;
    States?: Readonly<Record<string, State>>;
  };
  if (States === undefined || Object.keys(States).length === 0) {
    return ['The workflow has no States. Give it at least one'];
  }
  const names = new Set(Object.keys(States));
  const problems: Problem[] = [];
  if (typeof StartAt !== 'string' || !names.has(StartAt)) {
    problems.push(
      `StartAt is ${JSON.stringify(StartAt)}, which is not a state. Allowed: ${[...names].join(', ')}`,
    );
  }
  if ('QueryLanguage' in rest && rest.QueryLanguage !== 'JSONPath') {
    problems.push(`QueryLanguage is ${JSON.stringify(rest.QueryLanguage)}. Only JSONPath is run`);
  }
  const reached = new Set([StartAt, ...Object.values(States).flatMap(nextOf)]);
  for (const [name, state] of Object.entries(States)) {
    problems.push(...checkState(name, state, names));
    if (!reached.has(name)) problems.push(`State "${name}" is never reached. Remove or link it`);
  }
  return problems;
}
