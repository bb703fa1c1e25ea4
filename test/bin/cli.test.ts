import { expect, test } from 'vitest';
import { runCli } from '../../bin/cli.ts';
import { type CliCommand, UsageError } from '../../bin/commands/command.ts';
import { GatewayError } from '../../core/errors.ts';

function command(name: string, run: CliCommand['run']): CliCommand {
  return { name, summary: `what ${name} does`, help: `Usage: sallyport ${name}`, run };
}

const commands = [
  command('approvals', async (args, io) => {
    io.out(args.join(' '));
    return 0;
  }),
  command('verify', async () => 1),
  command('query', async () => {
    throw new UsageError('Name a query');
  }),
  command('replay', async () => {
    throw new GatewayError('ERR_NOT_FOUND', 'Cannot find it', { hint: 'Look elsewhere' });
  }),
  command('sessions', async () => {
    throw new Error('bug');
  }),
];

const cases: readonly [string, number, RegExp, RegExp][] = [
  ['', 2, /^$/, /approvals {4}what approvals does/],
  ['--help', 0, /approvals {4}what approvals does/, /^$/],
  ['--version', 0, /^1\.2\.3$/, /^$/],
  ['approvals list --json', 0, /^list --json$/, /^$/],
  ['approvals --help', 0, /^Usage: sallyport approvals$/, /^$/],
  ['verify', 1, /^$/, /^$/],
  ['query', 2, /^$/, /^Name a query\. See: sallyport query --help$/],
  ['replay', 1, /^$/, /^Cannot find it\nLook elsewhere$/],
  ['sessions', 1, /^$/, /^Error: bug\n/],
  ['aprovals', 2, /^$/, /^Unknown command "aprovals"; did you mean "approvals"\?/],
  ['session', 2, /^$/, /did you mean "sessions"/],
  ['xyzzy', 2, /^$/, /^Unknown command "xyzzy"\. See/],
];

test.each(cases)('sallyport %s', async (line, status, stdout, stderr) => {
  const said = { out: '', err: '' };
  const io = {
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
    root: '/nowhere',
    env: {},
  };
  const args = line.split(' ').filter(Boolean);
  expect(await runCli(args, { commands, version: '1.2.3', io })).toBe(status);
  expect(said.out).toMatch(stdout);
  expect(said.err).toMatch(stderr);
});
