/** `sallyport people` against a real table: what it writes is what the Slack door and the vote read. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../bin/cli.ts';
import { peopleCommand } from '../../bin/commands/people.ts';
import { makeDirectory } from '../../functions/approvals/directory.ts';
import { startTable, TABLE } from '../support/approval_table.ts';

let table: Awaited<ReturnType<typeof startTable>>;
const before = { ...process.env };

beforeAll(async () => {
  table = await startTable();
  const endpoint = await table.client.config.endpoint?.();
  // As an operator has them: the SDK reads its endpoint, region and credentials from the environment.
  process.env['AWS_ENDPOINT_URL_DYNAMODB'] = `http://127.0.0.1:${endpoint?.port}`;
  process.env['AWS_REGION'] = 'us-east-1';
  process.env['AWS_ACCESS_KEY_ID'] = 'local';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'local';
});

afterAll(async () => {
  process.env = before;
  await table.close();
});

async function check(line: string, status: number, said: RegExp): Promise<void> {
  const texts: string[] = [];
  const say = (text: string) => void texts.push(text);
  const io = { out: say, err: say, root: '/nowhere', env: {} };
  const cli = { commands: [peopleCommand], version: '0', io };
  const args = `people ${line} --table ${TABLE}`.split(' ').filter(Boolean);
  expect([await runCli(args, cli), texts.join('\n')]).toEqual([
    status,
    expect.stringMatching(said),
  ]);
}

test('a person who was put and linked is found by the directory, as the vote sees them', async () => {
  await check('show dana', 1, /^Nobody is known as "dana"/);
  await check('link dana --slack T1AB/U1CD', 1, /^Nobody is known as "dana"; add them first/);
  await check('put dana --groups ops,dba,dba --email Dana@Example.com', 0, /^dana is in dba, ops$/);
  await check('link dana --slack T1AB/U1CD', 0, /^Slack user U1CD of team T1AB is dana$/);
  await check('show dana', 0, /^dana \(human, dana@example\.com\): dba, ops$/);

  const directory = makeDirectory(table.client, TABLE);
  expect(await directory.linked('T1AB', 'U1CD')).toBe('dana');
  expect(await directory.linked('T2AB', 'U1CD')).toBeNull();
  expect(await directory.find('dana')).toEqual({
    subject: 'dana',
    email: 'dana@example.com',
    kind: 'human',
    groups: ['dba', 'ops'],
  });
});

test('putting a person again replaces their groups', async () => {
  await check('put erin --groups dba', 0, /^erin is in dba$/);
  await check('put erin --groups', 2, /./);
  await check('put erin --groups ops --json', 0, /^erin is in ops$/);
  await check('show erin --json', 0, /"groups":\["ops"\]/);
});

test.each([
  ['', /^Name one subject/],
  ['show', /^Name one subject/],
  ['show dana erin', /^Name one subject/],
  ['promote dana', /^There is no "people promote"/],
  ['put dana', /^Say which groups/],
  ['put dana --groups dba --kind robot', /kind/],
  ['link dana', /^Name the Slack user by ids/],
  ['link dana --slack T1AB', /^Name the Slack user by ids/],
  ['link dana --slack T1AB/U1#D', /^Name the Slack user by ids/],
  ['link dana --slack T1AB/U1CD/more', /^Name the Slack user by ids/],
])('bad usage is said and writes nothing: people %s', async (line, said) => {
  await check(line, 2, said);
});
