/** `sallyport replay`: what happened in a session, in the terminal or as a page. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { GatewayError } from '../../core/errors.ts';
import { narrate } from '../archive/narrative.ts';
import { openArchive } from '../archive/open.ts';
import { replayPage } from '../archive/page/page.ts';
import { findSession, loadRecording } from '../archive/recordings.ts';
import { timelineOf } from '../archive/timeline.ts';
import { transcript } from '../archive/transcript.ts';
import { type CliCommand, type ExitStatus, type Io, UsageError } from './command.ts';

export const replayCommand: CliCommand = {
  name: 'replay',
  summary: 'tell what happened in a session',
  help: `Usage: sallyport replay SESSION [--html FILE | --json] [--archive DIR]

Tells a session command by command: what was asked, what was decided and by which policy, who approved
it and how long that took, what came back. Characters that would hide or move text are spelt out.

  sallyport replay last
  sallyport replay ses_01JD… --html session.html

SESSION is an id, the beginning or the end of one, or "last" for the newest.

Options:
  --html FILE     write one self-contained page instead; a file that exists is replaced
  --archive DIR   an archive of another place, instead of the local system's
  --json          print the timeline: {session, who, startedAt, endedAt, reason, commands, entries, …};
                  times are milliseconds since the epoch, texts are as they were recorded

Exit status: 0 told, 1 there is no such session or it cannot be read, 2 bad usage. A damaged recording is
told as far as it goes, and says so; "sallyport verify" finds out more.`,
  run,
};

async function run(args: readonly string[], io: Io): Promise<ExitStatus> {
  const { values, positionals } = parse(args);
  const [wanted, ...rest] = positionals;
  if (wanted === undefined || rest.length > 0) throw new UsageError('Name one session');
  const { html, json } = values;
  if (html !== undefined && json === true) throw new UsageError('Say --html or --json, not both');
  const { reader } = await openArchive(values.archive, io);
  const session = await findSession(reader, wanted);
  const timeline = timelineOf(await loadRecording(reader, session));
  if (html !== undefined) {
    const file = path.resolve(html);
    await save(file, replayPage(narrate(timeline)));
    io.out(`Wrote ${file}`);
  } else io.out(json === true ? JSON.stringify(timeline) : transcript(narrate(timeline)));
  return 0;
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      html: { type: 'string' },
      archive: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
}

async function save(file: string, text: string): Promise<void> {
  try {
    // Masked as it is, it still is evidence: for who asked for it, and nobody else on the machine.
    await writeFile(file, text, { mode: 0o600 });
  } catch (cause) {
    throw new GatewayError('ERR_CONFIG_INVALID', `Cannot write "${file}"`, {
      hint: `Name a file that can be written: ${(cause as Error).message}`,
      cause,
    });
  }
}
