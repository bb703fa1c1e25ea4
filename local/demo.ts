/**
 * `npm run demo`: plays the tour by itself and shows what really comes back. Against the running local
 * system, or one of its own where none runs. Exit status 1 when anything is not as it is told here.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LocalSystem, readLocalSystem, stateDirectory } from '../bin/commands/local_system.ts';
import { runSallyport, startChild, until } from './child.ts';
import { type DemoClient, makeDemoClient } from './demo_client.ts';
import { removePostgresHome } from './postgres_home.ts';
import { commandLine } from './process.ts';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** The whole tour takes seconds; a step that hangs must not hang the reader. */
const DEADLINE_MS = 3 * 60_000;
const REQUEST_ID = /apr_[0-9A-HJKMNP-TV-Z]{26}/;

interface Stage {
  readonly state: string;
  readonly client: DemoClient;
  readonly local: LocalSystem;
}

interface Step {
  readonly told: string;
  readonly play: (stage: Stage) => Promise<string>;
  /** What must be in the output for the story to be true. */
  readonly expect: RegExp;
}

const STEPS: readonly Step[] = [
  {
    told: 'Alice, an engineer, reads customers with her own client. Personal data is masked on the way.',
    play: sql('alice', 'select id, full_name, email, ssn, notes from customers where id in (1, 3)'),
    expect: /\*\*\*\*/,
  },
  {
    told: 'A new name or an expression does not help: the gateway knows which column a value comes from.',
    play: sql('alice', 'select upper(email) as harmless from customers where id = 1'),
    expect: /\*\*\*\*/,
  },
  {
    told: 'Frank investigates fraud: policy lets his group, and no other, see card numbers.',
    play: sql('frank', 'select card_brand, card_number from payments order by id limit 2'),
    expect: /\d{15,16}/,
  },
  {
    told: 'A destructive statement is refused before the database sees it, with a sentence that helps.',
    play: sql('alice', 'drop table orders'),
    expect: /ERROR/,
  },
  {
    told: 'So is one that would change every row, however its WHERE is dressed up.',
    play: sql('alice', `update orders set status = 'paid' where 1 = 1`),
    expect: /ERROR/,
  },
  {
    told: 'A bounded change waits for a dba. Alice cannot approve her own; Bob can, and it runs once.',
    play: approved,
    expect: /UPDATE 1[\s\S]*$/,
  },
  { told: 'Dave says no to another one, and why.', play: denied, expect: /not during the audit/ },
  {
    told: 'Alice thinks again and presses Ctrl-C while one waits: the request is withdrawn.',
    play: withdrawn,
    expect: /withdrawn/,
  },
  {
    told: 'A machine may read, and change nothing.',
    play: sql('ci-deploy', 'delete from orders where id = 1'),
    expect: /ERROR/,
  },
  {
    told: 'Mallory has a good token and no permit: there is no session at all.',
    play: sql('mallory', 'select 1'),
    expect: /FATAL|ERROR/,
  },
  {
    told: 'Everything was recorded: the sessions,',
    play: cli('sessions'),
    expect: /alice/,
  },
  {
    told: 'the one that waited, played back with who approved it,',
    play: replayed,
    expect: /where id = 17[\s\S]*bob/,
  },
  {
    told: 'one table of it all, in SQL,',
    play: cli(
      'query',
      `select principal, decision, outcome, count(*) as commands from events
         where event_kind in ('command.result', 'command.refused') group by all order by all`,
    ),
    expect: /deny/,
  },
  {
    told: 'and the proof that nothing was changed or left out.',
    play: cli('verify'),
    expect: /\w/,
  },
];

function sql(user: string, statement: string): Step['play'] {
  return async ({ client }) => {
    const running = await client.run(user, statement);
    return `${user}=> ${statement}\n${(await running.done).text}`;
  };
}

function cli(...args: string[]): Step['play'] {
  return async (stage) => sallyport(stage, args, 0);
}

async function sallyport(stage: Stage, args: readonly string[], status: number): Promise<string> {
  const ran = await runSallyport(stage.state, args);
  const shown = args
    .map((arg) => (/[\s*]/.test(arg) ? `"${arg.replace(/\s+/g, ' ')}"` : arg))
    .join(' ');
  const text = `$ npx sallyport ${shown}\n${ran.stdout}${ran.stderr}`.trimEnd();
  if (ran.status === status) return text;
  throw new Error(`${text}\nIts exit status is ${ran.status}, not ${status}`);
}

/** Runs a statement that is held, and gives its request's id as soon as the client is told it. */
async function hold({ client }: Stage, statement: string) {
  const running = await client.run('alice', statement);
  const id = await until(
    'a notice with the request',
    async () => REQUEST_ID.exec(running.sofar())?.[0],
  );
  return { running, id, shown: `alice=> ${statement}\n${running.sofar().trimEnd()}` };
}

async function approved(stage: Stage): Promise<string> {
  const { running, id, shown } = await hold(
    stage,
    `update orders set status = 'paid' where id = 17`,
  );
  const self = await sallyport(stage, ['approvals', 'approve', id, '--as', 'alice'], 1);
  const bob = await sallyport(stage, ['approvals', 'approve', id, '--as', 'bob'], 0);
  const again = await sallyport(stage, ['approvals', 'approve', id, '--as', 'dave'], 1);
  const { text } = await running.done;
  return [shown, self, bob, again, `alice=>\n${lastLines(text)}`].join('\n');
}

async function denied(stage: Stage): Promise<string> {
  const { running, id, shown } = await hold(stage, 'delete from payments where id = 21');
  const reason = ['--reason', 'not during the audit'];
  const dave = await sallyport(stage, ['approvals', 'deny', id, '--as', 'dave', ...reason], 0);
  return [shown, dave, `alice=>\n${lastLines((await running.done).text)}`].join('\n');
}

async function withdrawn(stage: Stage): Promise<string> {
  const { running, id, shown } = await hold(stage, 'delete from payments where id = 22');
  await running.cancel();
  const { text } = await running.done;
  const show = await sallyport(stage, ['approvals', 'show', id], 0);
  return [shown, `alice=> ^C\n${lastLines(text)}`, show].join('\n');
}

/** The session of the approved command: found in the record, as an analyst would. */
async function replayed(stage: Stage): Promise<string> {
  const find = `select session_id from events where event_kind = 'command.result' and approver is not null order by ts desc limit 1`;
  const id = await until('the approved command in the archive', async () => {
    const found = await runSallyport(stage.state, ['query', find, '--json']);
    return /ses_[0-9A-HJKMNP-TV-Z]{26}/.exec(found.stdout)?.[0];
  });
  return sallyport(stage, ['replay', id], 0);
}

/** Without the notices that were shown when they came. */
function lastLines(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('NOTICE'))
    .join('\n');
}

async function findStage(): Promise<{ stage: Stage; close: () => Promise<void> }> {
  const running = await readLocalSystem(ROOT).catch(() => null);
  if (running !== null && (await commandLine(running.pid)).includes('local/start.ts')) {
    say(`Playing on the running local system (pid ${running.pid}).`);
    const stage = { state: stateDirectory(ROOT), local: running, client: makeDemoClient(running) };
    return { stage, close: async () => {} };
  }
  say('No local system runs here: starting one of its own, with a state of its own.');
  const state = await mkdtemp(path.join(tmpdir(), 'sallyport-demo-'));
  const child = await startChild(state);
  return {
    stage: { state, local: child.local, client: makeDemoClient(child.local) },
    close: async () => {
      await child.stop();
      await removePostgresHome(path.join(state, 'postgres'));
      await rm(state, { recursive: true, force: true });
    },
  };
}

async function play(stage: Stage): Promise<boolean> {
  say(`The client is ${stage.client.name}.`);
  for (const [index, step] of STEPS.entries()) {
    say(`\n${index + 1}. ${step.told}\n`);
    const output = await step.play(stage);
    say(output.replace(/^/gm, '   '));
    if (!step.expect.test(output)) {
      say(`\nThat is not as told: nothing in it matches ${step.expect}`);
      return false;
    }
  }
  say('\nThat was the tour. Everything above is real output.');
  return true;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const watchdog = setTimeout(() => {
  say(`\nNot done after ${DEADLINE_MS / 1000} s: giving up`);
  process.exit(1);
}, DEADLINE_MS);
const { stage, close } = await findStage();
try {
  process.exitCode = (await play(stage)) ? 0 : 1;
} catch (error) {
  say(`\nThat is not as told: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await close();
  clearTimeout(watchdog);
}
