/** Dispatch of the command line, apart from the process it runs in. */
import { GatewayError } from '../core/errors.ts';
import { type CliCommand, type ExitStatus, type Io, UsageError } from './commands/command.ts';

export interface Cli {
  readonly commands: readonly CliCommand[];
  readonly version: string;
  readonly io: Io;
}

export async function runCli(args: readonly string[], cli: Cli): Promise<ExitStatus> {
  const [verb, ...rest] = args;
  const { io } = cli;
  if (verb === undefined) {
    io.err(overview(cli));
    return 2;
  }
  if (verb === '--help' || verb === '-h' || verb === 'help') {
    io.out(overview(cli));
    return 0;
  }
  if (verb === '--version') {
    io.out(cli.version);
    return 0;
  }
  const command = cli.commands.find((candidate) => candidate.name === verb);
  if (command === undefined) {
    io.err(`Unknown command "${verb}"${suggestion(verb, cli.commands)}. See: sallyport --help`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    io.out(command.help);
    return 0;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    return report(error, command, io);
  }
}

function overview({ commands }: Cli): string {
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(12)} ${summary}`);
  return `Usage: sallyport <command> [arguments]

Commands:
${lines.join('\n')}

  sallyport <command> --help tells more; sallyport --version prints the version.
`;
}

/** Expected failures are a sentence; anything else is a bug, and keeps its stack. */
function report(error: unknown, command: CliCommand, io: Io): ExitStatus {
  if (error instanceof UsageError || isBadArgument(error)) {
    io.err(`${error.message}. See: sallyport ${command.name} --help`);
    return 2;
  }
  if (error instanceof GatewayError) {
    io.err(error.hint === '' ? error.message : `${error.message}\n${error.hint}`);
    return 1;
  }
  io.err(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
}

/** node:util parseArgs says in its own words what is wrong with the arguments. */
function isBadArgument(error: unknown): error is Error {
  const code = error instanceof TypeError ? (error as NodeJS.ErrnoException).code : undefined;
  return code?.startsWith('ERR_PARSE_ARGS_') ?? false;
}

function suggestion(verb: string, commands: readonly CliCommand[]): string {
  const near = commands.find(
    ({ name }) => name.startsWith(verb) || verb.startsWith(name) || distance(verb, name) <= 2,
  );
  return near === undefined ? '' : `; did you mean "${near.name}"?`;
}

/** Edits between two words (Levenshtein), row by row. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const swapped = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swapped));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
