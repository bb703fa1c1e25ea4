/** `sallyport policy check` and `sallyport policy explain`: is the set good, and what does it say? */
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { formatProblem } from '../../core/policy/policy_set.ts';
import { Principal, PrincipalKind } from '../../core/principal.ts';
import { checkPolicies, loadPolicies } from '../../functions/decide/policies.ts';
import { DEVELOPMENT_USERS } from '../../local/issuer.ts';
import { explain, formatExplained } from '../policy/explain.ts';
import { readSurroundings } from '../policy/surroundings.ts';
import { type CliCommand, type ExitStatus, type Io, UsageError } from './command.ts';

export const policyCommand: CliCommand = {
  name: 'policy',
  summary: 'check the policies, or explain what they say of a statement',
  help: `Usage: sallyport policy check [--policies DIR] [--known-groups A,B] [--json]
       sallyport policy explain --as USER [options] "SQL"

check validates every .cedar file against the schema, with its annotations and the ids in it.
explain judges a statement as the gateway would, running nothing, and prints what was asked.

  sallyport policy explain --as alice "drop table orders"

Options:
  --policies DIR     the directory of the policies (policies)
  --known-groups A,B check: groups that exist; any other is an error
  --as USER          explain: who asks; a user of the development issuer, or any name with --groups
  --groups A,B       explain: the groups of that user
  --kind KIND        explain: human, machine or agent
  --target NAME      explain: the target (orders)
  --database URL     explain: whose catalog to use, instead of the running local system's
  --json             print data

Exit status: check: 0 valid, 1 not valid. explain: 0 explained, whatever the decision is, 1 it could not
be (no local system, or not SQL). 2 bad usage.`,
  run: async (args, io) => {
    const { values, positionals } = parse(args);
    const [verb, ...rest] = positionals;
    if (verb === 'check' && rest.length === 0) return check(values, io);
    if (verb === 'explain') return explainStatement(values, rest, io);
    throw new UsageError('Say "policy check" or "policy explain"');
  },
};

type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      policies: { type: 'string' },
      'known-groups': { type: 'string' },
      as: { type: 'string' },
      groups: { type: 'string' },
      kind: { type: 'string' },
      target: { type: 'string' },
      database: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
}

async function check(values: Values, io: Io): Promise<ExitStatus> {
  const known = values['known-groups'];
  const groups = known === undefined ? null : list(known);
  const checked = await checkPolicies(directoryOf(values, io), { groups, targets: null });
  const problems = checked.kind === 'invalid' ? checked.problems : [];
  if (values.json === true) {
    const version = checked.kind === 'compiled' ? checked.set.version : null;
    io.out(JSON.stringify({ valid: problems.length === 0, version, problems }));
  } else if (checked.kind === 'compiled') {
    io.out(`${checked.set.rules.size} policies are valid, version ${checked.set.version}`);
  } else {
    for (const problem of problems) io.err(formatProblem(problem));
  }
  return problems.length === 0 ? 0 : 1;
}

async function explainStatement(
  values: Values,
  words: readonly string[],
  io: Io,
): Promise<ExitStatus> {
  const [sql, ...rest] = words;
  if (sql === undefined || rest.length > 0) throw new UsageError('Give one statement, in quotes');
  const principal = principalOf(values);
  const policies = await loadPolicies(directoryOf(values, io));
  const target = values.target ?? 'orders';
  const surroundings = await readSurroundings(io.root, target, values.database ?? null);
  const explained = explain({ policies, principal, sql, ...surroundings });
  if (explained.kind === 'unreadable') {
    io.err(explained.message);
    return 1;
  }
  io.out(values.json === true ? JSON.stringify(explained) : formatExplained(explained));
  return 0;
}

function principalOf(values: Values): Principal {
  const name = values.as;
  if (name === undefined) throw new UsageError('Say who asks: --as alice');
  const known = DEVELOPMENT_USERS.find((user) => user.name === name);
  if (known === undefined && values.groups === undefined) {
    throw new UsageError(`Unknown user "${name}": give --groups for someone of your own`);
  }
  const kind = v.safeParse(PrincipalKind, values.kind ?? known?.kind ?? 'human');
  if (!kind.success) throw new UsageError(`Unknown kind "${values.kind}": human, machine or agent`);
  const groups = values.groups === undefined ? (known?.groups ?? []) : list(values.groups);
  return v.parse(Principal, {
    subject: name,
    email: kind.output === 'human' ? `${name}@example.com` : null,
    kind: kind.output,
    groups: [...groups].sort(),
    actor: null,
    assurance: '',
  });
}

function directoryOf(values: Values, io: Io): string {
  return values.policies ?? path.join(io.root, 'policies');
}

function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
