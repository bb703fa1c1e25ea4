/**
 * `sallyport people`: who may answer, written by an operator. A deployed gateway counts no vote until the
 * table knows the voter and which Slack user they are; until a provisioning service fills it, this does.
 * It runs with the operator's own AWS credentials: whoever may write the table may name approvers.
 */
import { parseArgs } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as v from 'valibot';
import {
  makeDirectory,
  Person,
  putLink,
  putPerson,
  SlackId,
} from '../../functions/approvals/directory.ts';
import { type CliCommand, type ExitStatus, type Io, UsageError } from './command.ts';
import { readLocalSystem } from './local_system.ts';

export const peopleCommand: CliCommand = {
  name: 'people',
  summary: 'say who may answer requests, and which Slack user they are',
  help: `Usage: sallyport people show SUBJECT [--table NAME] [--json]
       sallyport people put SUBJECT --groups a,b [--email ADDRESS] [--kind human] [--table NAME]
       sallyport people link SUBJECT --slack TEAM/USER [--table NAME]

Writes the directory of approvers. SUBJECT is what the issuer calls a person (\`sub\`). Without --table it
is the local system's; with it, the table of a deployed gateway, with your AWS credentials and region.
Link a Slack user only to a person who has shown you that it is theirs.

  sallyport people put 00u1abcd --groups dba --email dana@example.com --table "$TABLE"
  sallyport people link 00u1abcd --slack T012AB/U034CD --table "$TABLE"

Exit status: 0 done, 1 not known (show) or the table did not answer, 2 bad usage.`,
  run,
};

async function run(args: readonly string[], io: Io): Promise<ExitStatus> {
  const { values, positionals } = parse(args);
  const [verb, subject, ...rest] = positionals;
  if (subject === undefined || rest.length > 0) throw new UsageError('Name one subject');
  // Read before anything is opened: bad usage needs no table.
  const act = actOf(verb ?? '', subject, values);
  const { client, table } = await openTable(values.table, io);
  try {
    return await act(client, table, io);
  } finally {
    client.destroy();
  }
}

type Values = ReturnType<typeof parse>['values'];
type Act = (client: DynamoDBClient, table: string, io: Io) => Promise<ExitStatus>;

function actOf(verb: string, subject: string, values: Values): Act {
  switch (verb) {
    case 'show':
      return show(subject, values.json === true);
    case 'put':
      return put(subject, values);
    case 'link':
      return link(subject, values.slack);
    default:
      throw new UsageError(`There is no "people ${verb}"`);
  }
}

function show(subject: string, json: boolean): Act {
  return async (client, table, io) => {
    const person = await makeDirectory(client, table).find(subject);
    if (person === null) {
      io.err(`Nobody is known as "${subject}"; add them with: sallyport people put`);
      return 1;
    }
    const { email, kind, groups } = person;
    const text = `${subject} (${kind}, ${email ?? 'no email'}): ${groups.join(', ') || 'no groups'}`;
    io.out(json ? JSON.stringify(person) : text);
    return 0;
  };
}

function put(subject: string, values: Values): Act {
  if (values.groups === undefined) throw new UsageError('Say which groups: --groups a,b');
  const groups = values.groups.split(',').map((group) => group.trim());
  const person = v.safeParse(Person, {
    subject,
    email: values.email?.toLowerCase() ?? null,
    kind: values.kind ?? 'human',
    groups: [...new Set(groups.filter((group) => group !== ''))].sort(),
  });
  if (!person.success) throw new UsageError(v.summarize(person.issues));
  return async (client, table, io) => {
    await putPerson(client, table, person.output);
    io.out(`${subject} is in ${person.output.groups.join(', ') || 'no groups'}`);
    return 0;
  };
}

function link(subject: string, slack: string | undefined): Act {
  const [team, slackUser, ...rest] = slack?.split('/') ?? [];
  if (!v.is(SlackId, team) || !v.is(SlackId, slackUser) || rest.length > 0) {
    throw new UsageError('Name the Slack user by ids: --slack T012AB/U034CD');
  }
  return async (client, table, io) => {
    if ((await makeDirectory(client, table).find(subject)) === null) {
      io.err(`Nobody is known as "${subject}"; add them first with: sallyport people put`);
      return 1;
    }
    await putLink(client, table, { team, slackUser, subject });
    io.out(`Slack user ${slackUser} of team ${team} is ${subject}`);
    return 0;
  };
}

async function openTable(
  named: string | undefined,
  io: Io,
): Promise<{ client: DynamoDBClient; table: string }> {
  // Region and credentials as for every AWS tool: environment, profile, instance.
  if (named !== undefined) return { client: new DynamoDBClient({}), table: named };
  const { dynamodb } = await readLocalSystem(io.root);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const { endpoint, table } = dynamodb;
  return { client: new DynamoDBClient({ endpoint, region: 'us-east-1', credentials }), table };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      groups: { type: 'string' },
      email: { type: 'string' },
      kind: { type: 'string' },
      slack: { type: 'string' },
      table: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
}
