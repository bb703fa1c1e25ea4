/**
 * `npm run check`: format, lint, types, dead code, and every test but the end-to-end ones, which take as
 * long again (`npm run test:e2e`; `npm test` runs all). `--fast`: types and unit tests; `--static`: all but
 * the tests. Runs every step whatever the others say, so that one run names everything.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const STATIC: readonly Step[] = [
  { name: 'format and lint', command: ['biome', 'ci', '.'] },
  { name: 'type-aware lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json'] },
  { name: 'dead code', command: ['knip'] },
];
const TESTS: Step = {
  name: 'tests',
  command: ['vitest', 'run', '--project', 'unit', '--project', 'infra'],
};
const FAST: readonly Step[] = [
  { name: 'types', command: ['tsc', '-p', 'tsconfig.runtime.json'] },
  { name: 'unit tests', command: ['vitest', 'run', '--project', 'unit'] },
];
/** The whole takes under three minutes on two cores; a step that hangs must not hang the caller. */
const STEP_DEADLINE_MS = 10 * 60_000;

const { values } = parseArgs({
  options: { fast: { type: 'boolean' }, static: { type: 'boolean' } },
});
const failed: string[] = [];
for (const step of stepsFor(values)) if (!(await passes(step))) failed.push(step.name);
if (failed.length > 0) {
  process.stdout.write(`Failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}

function stepsFor(asked: { fast?: boolean; static?: boolean }): readonly Step[] {
  if (asked.fast === true) return FAST;
  return asked.static === true ? STATIC : [...STATIC, TESTS];
}

/** enter.js has put node_modules/.bin on the PATH. */
async function passes({ name, command: [tool, ...args] }: Step): Promise<boolean> {
  const started = performance.now();
  process.stdout.write(`── ${name}\n`);
  const shell = process.platform === 'win32';
  const child = spawn(tool, args, { stdio: 'inherit', timeout: STEP_DEADLINE_MS, shell });
  const [status] = await once(child, 'exit');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${status === 0 ? 'ok' : 'FAILED'}: ${name}, ${seconds} s\n\n`);
  return status === 0;
}
