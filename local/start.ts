/** `npm start`: starts the local system, says how to use it, and stops it when told to. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stateDirectory } from '../bin/commands/local_system.ts';
import { GatewayError } from '../core/errors.ts';
import { banner } from './banner.ts';
import { readConfig, START_HELP } from './config.ts';
import { startSystem } from './system.ts';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) say(START_HELP);
else await start();

async function start(): Promise<void> {
  const stop = listenForStop();
  try {
    const config = await readConfig(args);
    const system = await startSystem({
      config,
      examplePolicies: path.join(ROOT, 'policies'),
      stateDirectory: stateDirectory(ROOT),
      env: process.env,
      notice: say,
    });
    say(banner(system, config));
    await stop;
    say('\nStopping: sessions are closed, what was recorded is flushed, PostgreSQL ends');
    await system.close();
    say('Stopped. The state is kept; npm start goes on from it');
    process.exit(0);
  } catch (error) {
    say(explain(error));
    process.exit(1);
  }
}

/** Signals during the start are kept: what has started by then is stopped in order, not left behind. */
function listenForStop(): Promise<void> {
  return new Promise((resolve) => {
    // A second Ctrl-C changes nothing: every part has its deadline.
    for (const signal of SIGNALS) process.on(signal, () => resolve());
    // The process that handed over is gone, killed outright perhaps: nobody is left to stop this one.
    process.on('disconnect', () => resolve());
    process.channel?.unref();
  });
}

/** Expected failures are sentences; anything else is a bug, and keeps its stack. */
function explain(error: unknown): string {
  if (!(error instanceof GatewayError)) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return error.hint === '' ? error.message : `${error.message}\n${error.hint}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
