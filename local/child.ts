/** The local system as a child process, used the way a person uses it: by the demo and the end-to-end tests. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LocalSystem } from '../bin/commands/local_system.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const START_DEADLINE_MS = 60_000;
const POLL_MS = 50;
/** Last words of the banner: from then on everything is there. */
const READY = 'Ctrl-C stops everything';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Child {
  readonly local: LocalSystem;
  /** What it has printed so far, both streams. */
  readonly output: () => string;
  /** Sends the signal and waits for its end; resolves with the exit status. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** On ports that the operating system picks; `args` may say otherwise. */
export async function startChild(state: string, args: readonly string[] = []): Promise<Child> {
  const ports = ['--port', '0', '--page-port', '0', '--issuer-port', '0'];
  const child = spawn(process.execPath, ['local/start.ts', ...ports, ...args], {
    cwd: ROOT,
    env: { ...process.env, SALLYPORT_STATE: state },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const local = await untilReady(child, state, () => output);
  return {
    local,
    output: () => output,
    stop: async (signal = 'SIGINT') => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const ended = once(child, 'exit');
      child.kill(signal);
      const [code] = await ended;
      return code;
    },
  };
}

async function untilReady(
  child: ChildProcess,
  state: string,
  output: () => string,
): Promise<LocalSystem> {
  const deadline = Date.now() + START_DEADLINE_MS;
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
    if (output().includes(READY)) {
      return JSON.parse(await readFile(path.join(state, 'local.json'), 'utf8'));
    }
    await sleep(POLL_MS);
  }
  child.kill('SIGKILL');
  throw new Error(`The local system did not start:\n${output()}`);
}

/** One run of the command line on the system whose state this is. */
export function runSallyport(state: string, args: readonly string[]): Promise<Ran> {
  const env = { ...process.env, SALLYPORT_STATE: state };
  const command = [path.join(ROOT, 'bin/sallyport.ts'), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: ROOT, env }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

/** Everything a child printed and how it ended. */
export async function finish(child: ChildProcess): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  return { status: code ?? -1, stdout, stderr };
}

/** Asks again until it is so; fails with what it waited for. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  deadlineMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  while (Date.now() < deadline) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    await sleep(POLL_MS);
  }
  throw new Error(`Waited ${deadlineMs} ms in vain: ${what}`);
}
