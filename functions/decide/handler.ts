/**
 * The Lambda that judges. It must not remember, count or look at the clock: its answer is a pure function
 * of the event and the published policies, which is what lets the proxy remember it.
 */
import * as v from 'valibot';
import { GatewayError } from '../../core/errors.ts';
import { evaluate, type Policies } from '../../core/policy/evaluate.ts';
import { DecideRequest, type DecideResponse } from '../../core/wire/decide.ts';
import { loadPolicies } from './policies.ts';

export interface DecideDeps {
  readonly policies: () => Promise<Policies>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws ERR_CONFIG_INVALID where POLICIES_DIRECTORY is not set. Policies are loaded on first use. */
export function makeDeps(env: Environment): DecideDeps {
  const directory = env['POLICIES_DIRECTORY'];
  if (directory === undefined || directory === '') {
    throw new GatewayError('ERR_CONFIG_INVALID', 'POLICIES_DIRECTORY is not set', {
      hint: 'Name the directory of the .cedar files and their schema',
    });
  }
  let loading: Promise<Policies> | null = null;
  return {
    policies: () => {
      loading ??= loadPolicies(directory).catch((error: unknown) => {
        // A failed load is tried again with the next question; until then every question is refused.
        loading = null;
        throw error;
      });
      return loading;
    },
  };
}

/** A rejection is no answer: the proxy refuses the command. */
export function makeHandler(deps: DecideDeps): (event: unknown) => Promise<DecideResponse> {
  return async (event) => {
    const request = v.safeParse(DecideRequest, event);
    if (!request.success) {
      const [first] = request.issues;
      // Where the event is wrong, never what it held: it may be a statement.
      const where = v.getDotPath(first) ?? 'the event itself';
      throw new GatewayError('ERR_PROTOCOL_VIOLATION', `Cannot read the question at ${where}`, {
        hint: 'Proxy and functions must be of the same version',
      });
    }
    return evaluate(await deps.policies(), request.output).decision;
  };
}

let live: ((event: unknown) => Promise<DecideResponse>) | null = null;

/** What AWS Lambda calls. Built on first use, so that importing this module needs no environment. */
export async function handler(event: unknown): Promise<DecideResponse> {
  live ??= makeHandler(makeDeps(process.env));
  return live(event);
}
