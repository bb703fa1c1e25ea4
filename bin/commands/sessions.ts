/** `sallyport sessions`: who was where, and who still is. */
import { parseArgs } from 'node:util';
import { instant } from '../archive/narrative.ts';
import { openArchive } from '../archive/open.ts';
import { type ListedSession, listedSession, listSessions } from '../archive/recordings.ts';
import { formatTable } from '../archive/table.ts';
import type { CliCommand, ExitStatus, Io } from './command.ts';

export const sessionsCommand: CliCommand = {
  name: 'sessions',
  summary: 'list the recorded sessions',
  help: `Usage: sallyport sessions [--archive DIR] [--json]

Lists the recorded sessions, newest first; those that are still open too.

  sallyport sessions

Options:
  --archive DIR   an archive of another place, instead of the local system's
  --json          print an array of {session, who, startedAt, endedAt, commands, state, reason};
                  times are milliseconds since the epoch, endedAt is null while it is open

Exit status: 0 listed (none is an empty list), 1 there is no archive, 2 bad usage.`,
  run,
};

const COLUMNS = ['session', 'who', 'target', 'started (UTC)', 'commands', 'state'];

async function run(args: readonly string[], io: Io): Promise<ExitStatus> {
  const { values } = parseArgs({
    args: [...args],
    options: { archive: { type: 'string' }, json: { type: 'boolean' } },
  });
  const { reader } = await openArchive(values.archive, io);
  const listed: ListedSession[] = [];
  for (const session of await listSessions(reader))
    listed.push(await listedSession(reader, session));
  if (values.json === true) io.out(JSON.stringify(listed));
  else io.out(formatTable(COLUMNS, listed.map(row), { full: true }));
  return 0;
}

function row({ session, who, startedAt, commands, state, reason }: ListedSession): string[] {
  return [
    session,
    who?.principal ?? '?',
    who?.target ?? '?',
    instant(startedAt),
    commands === null ? '?' : String(commands),
    reason === '' ? state : `${state}: ${reason}`,
  ];
}
