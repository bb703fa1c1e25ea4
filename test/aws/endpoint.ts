/**
 * The endpoint that the suite runs against: AWS_ENDPOINT_URL, which every SDK client reads by itself.
 * With moto, which is `pip install 'moto[server]'`:
 *
 *   moto_server -H 127.0.0.1 -p 5000 &
 *   AWS_ENDPOINT_URL=http://127.0.0.1:5000 npm run test:aws
 *
 * Never against an account by accident: without the variable nothing runs, and with it the credentials
 * are made up where there are none.
 */
import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';

export const ENDPOINT = process.env['AWS_ENDPOINT_URL'];

if (ENDPOINT !== undefined) {
  process.env['AWS_REGION'] ??= 'eu-west-1';
  process.env['AWS_ACCESS_KEY_ID'] ??= 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'test';
}

/** A suite of one adapter, or its skipped name with the reason. */
export function describeAdapter(name: string, cases: () => void): void {
  if (ENDPOINT === undefined) {
    describe.skip(`${name} (skipped: AWS_ENDPOINT_URL names no endpoint)`, cases);
    return;
  }
  describe(name, cases);
}

/** A name that no earlier run has used. */
export function fresh(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}

/** Moto keeps the promise of a state machine only when told to, and only once for each reset. */
export async function prepareMoto(): Promise<void> {
  if (!(await isMoto())) return;
  await post('/moto-api/reset');
  await post('/moto-api/config', {
    stepfunctions: { execute_state_machine: true },
    lambda: { use_docker: false },
  });
}

/** What moto's functions answer, one after the other. */
export async function answerFunctionsWith(answers: readonly unknown[]): Promise<void> {
  const results = answers.map((answer) => JSON.stringify(answer));
  const region = process.env['AWS_REGION'];
  await post('/moto-api/static/lambda-simple/response', { results, region });
}

/** For known gaps of moto, each with its reason where it is used. */
export async function isMoto(): Promise<boolean> {
  const answer = await fetch(new URL('/moto-api/config', ENDPOINT)).catch(() => null);
  return answer?.ok === true && (await answer.text()).includes('lambda');
}

async function post(path: string, body?: unknown): Promise<void> {
  const answer = await fetch(new URL(path, ENDPOINT), {
    method: 'POST',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
}
