/** The command line: picks the verb, prints help, turns errors into sentences and exit statuses. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCli } from './cli.ts';
import { approvalsCommand } from './commands/approvals.ts';
import type { CliCommand } from './commands/command.ts';
import { peopleCommand } from './commands/people.ts';
import { policyCommand } from './commands/policy.ts';
import { queryCommand } from './commands/query.ts';
import { replayCommand } from './commands/replay.ts';
import { sessionsCommand } from './commands/sessions.ts';
import { tokenCommand } from './commands/token.ts';
import { verifyCommand } from './commands/verify.ts';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** In the order of the tour. */
const COMMANDS: readonly CliCommand[] = [
  tokenCommand,
  approvalsCommand,
  peopleCommand,
  policyCommand,
  sessionsCommand,
  replayCommand,
  queryCommand,
  verifyCommand,
];

const { version }: { version: string } = JSON.parse(
  readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
);

// The reader may leave early (`sallyport sessions | head`): that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), {
  commands: COMMANDS,
  version,
  io: {
    out: (text) => writeLine(process.stdout, text),
    err: (text) => writeLine(process.stderr, text),
    root: ROOT,
    env: process.env,
  },
});

function writeLine(stream: NodeJS.WriteStream, text: string): void {
  stream.write(text.endsWith('\n') ? text : `${text}\n`);
}
