/** `sallyport token <user>`: a token of the development issuer, to use as the password. */
import { parseArgs } from 'node:util';
import { DEVELOPMENT_USERS, type MintOptions, mintToken } from '../../local/issuer.ts';
import { type CliCommand, type ExitStatus, type Io, UsageError } from './command.ts';
import { readLocalSystem } from './local_system.ts';

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

const USERS = DEVELOPMENT_USERS.map(
  ({ name, groups }) => `  ${name.padEnd(10)} ${groups.join(', ') || '(no groups)'}`,
).join('\n');

export const tokenCommand: CliCommand = {
  name: 'token',
  summary: 'print a token of the development issuer, to sign in with',
  help: `Usage: sallyport token <user> [options]

Prints a token of the development issuer. It is the password for psql:

  PGPASSWORD=$(npx sallyport token alice) psql -h 127.0.0.1 -p 6432 -U alice orders

Users and their groups:
${USERS}

Options:
  --expires-in TIME   how long it is good for: 90s, 15m, 1h (default 1h); -1m has expired already
  --audience NAME     for whom it is, instead of the gateway
  --issuer URL        who says so, instead of the running issuer
  --json              print {"user", "token"}

Exit status: 0 printed, 1 no such user or no local system, 2 bad usage.`,
  run,
};

async function run(args: readonly string[], io: Io): Promise<ExitStatus> {
  const { values, positionals } = parse(args);
  const [user, ...rest] = positionals;
  if (user === undefined || rest.length > 0) throw new UsageError('Name one user');
  const { issuer } = await readLocalSystem(io.root);
  const token = await mintToken(issuer.directory, user, mintOptions(values));
  io.out(values.json === true ? JSON.stringify({ user, token }) : token);
  return 0;
}

type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  return parseArgs({
    // parseArgs takes `--expires-in -1m` for a missing value; joined, it is one.
    args: args
      .join('\n')
      .replace(/^--expires-in\n/m, '--expires-in=')
      .split('\n')
      .filter(Boolean),
    allowPositionals: true,
    options: {
      'expires-in': { type: 'string' },
      audience: { type: 'string' },
      issuer: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
}

function mintOptions(values: Values): MintOptions {
  const expiresIn = values['expires-in'];
  return {
    ...(expiresIn === undefined ? {} : { expiresInSeconds: seconds(expiresIn) }),
    ...(values.audience === undefined ? {} : { audience: values.audience }),
    ...(values.issuer === undefined ? {} : { issuer: values.issuer }),
  };
}

function seconds(text: string): number {
  const [, count, unit] = /^(-?\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) {
    throw new UsageError(`Cannot read the time "${text}": write it like 90s, 15m or 1h`);
  }
  return Number(count) * SECONDS[unit as keyof typeof SECONDS];
}
