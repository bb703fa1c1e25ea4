/** `sallyport approvals`: what waits for an answer, and the answer. */
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { visible } from '../../core/approval/showing.ts';
import { GatewayError } from '../../core/errors.ts';
import { objectsOf } from '../../core/facts.ts';
import { RequestView } from '../../core/wire/approvals.ts';
import { mintToken } from '../../local/issuer.ts';
import { type CliCommand, type ExitStatus, type Io, UsageError } from './command.ts';
import { readLocalSystem } from './local_system.ts';

export const approvalsCommand: CliCommand = {
  name: 'approvals',
  summary: 'list, show, approve or deny held commands',
  help: `Usage: sallyport approvals list [--all] [--as USER] [--json]
       sallyport approvals show ID [--full] [--as USER] [--json]
       sallyport approvals approve ID --as USER [--reason TEXT] [--json]
       sallyport approvals deny ID --as USER --reason TEXT [--json]

Answers commands that wait for another person.

  sallyport approvals list
  sallyport approvals approve apr_01JD… --as bob

Options:
  --as USER      the development user who asks or answers (list and show: carol)
  --all          list ended requests too
  --full         show the whole statement, unmasked, to one who may approve it; that is recorded
  --reason TEXT  why; required to deny, and told to the requester
  --json         print JSON

Exit status: 0 done, 1 refused (the reason is printed) or no local system, 2 bad usage.`,
  run,
};

const REPLY_MS = 10_000;
/** Reading needs any verified person; this one has no say in the demo's approvals. */
const READER = 'carol';

type Values = ReturnType<typeof parse>['values'];
type Call = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Reply>;
interface Reply {
  readonly status: number;
  readonly body: unknown;
}

async function run(args: readonly string[], io: Io): Promise<ExitStatus> {
  const { values, positionals } = parse(args);
  const [verb, id, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`Too many arguments: ${rest.join(' ')}`);
  const call = (user: string | undefined) => caller(io, user ?? READER);
  if (verb === 'list' && id === undefined) return list(await call(values.as), values, io);
  if (id === undefined) throw new UsageError('Say list, or show, approve or deny and an id');
  if (verb === 'show') return show(await call(values.as), id, values, io);
  if (verb !== 'approve' && verb !== 'deny') {
    throw new UsageError(`There is no "approvals ${verb ?? ''}"`);
  }
  if (values.as === undefined) throw new UsageError('Say who answers: --as USER');
  if (verb === 'deny' && !values.reason) throw new UsageError('Say why: --reason TEXT');
  return vote(await call(values.as), { id, verb }, values, io);
}

async function list(call: Call, values: Values, io: Io): Promise<ExitStatus> {
  const reply = await call('GET', '/api/approvals');
  if (reply.status !== 200) return refused(reply, values, io);
  const { requests } = v.parse(v.object({ requests: v.array(RequestView) }), reply.body);
  const waiting = requests.filter(({ status }) => values.all === true || !isEnd(status));
  if (values.json === true) io.out(JSON.stringify(waiting));
  else if (waiting.length === 0) io.out('Nothing waits for an answer.');
  else for (const request of waiting) io.out(line(request));
  return 0;
}

async function show(call: Call, id: string, values: Values, io: Io): Promise<ExitStatus> {
  const path = `/api/approvals/${encodeURIComponent(id)}`;
  if (values.full === true && values.as === undefined)
    throw new UsageError('Say who reads: --as USER');
  const full = values.full === true ? await call('POST', `${path}/statement`) : null;
  if (full !== null && full.status !== 200) return refused(full, values, io);
  const reply = await call('GET', path);
  if (reply.status !== 200) return refused(reply, values, io);
  const { request } = v.parse(v.object({ request: RequestView }), reply.body);
  const statement =
    full === null ? null : v.parse(v.object({ statement: v.string() }), full.body).statement;
  if (values.json === true) {
    io.out(JSON.stringify(statement === null ? request : { ...request, statement }));
  } else io.out(described(request, statement));
  return 0;
}

async function vote(
  call: Call,
  { id, verb }: { id: string; verb: 'approve' | 'deny' },
  values: Values,
  io: Io,
): Promise<ExitStatus> {
  const path = `/api/approvals/${encodeURIComponent(id)}/vote`;
  const reply = await call('POST', path, { answer: verb, reason: values.reason ?? '' });
  if (reply.status !== 200) return refused(reply, values, io);
  const { request } = v.parse(v.object({ request: RequestView }), reply.body);
  io.out(values.json === true ? JSON.stringify(request) : `${request.id} is ${request.status}`);
  return 0;
}

function refused(reply: Reply, values: Values, io: Io): ExitStatus {
  const parsed = v.safeParse(v.object({ message: v.string() }), reply.body);
  if (values.json === true) io.out(JSON.stringify(reply.body));
  else io.err(`Refused: ${parsed.success ? parsed.output.message : `status ${reply.status}`}`);
  return 1;
}

async function caller(io: Io, user: string): Promise<Call> {
  const { page, issuer } = await readLocalSystem(io.root);
  const token = await mintToken(issuer.directory, user);
  return async (method, path, body) => {
    try {
      const response = await fetch(page.url + path, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(REPLY_MS),
      });
      return { status: response.status, body: await response.json() };
    } catch (cause) {
      throw new GatewayError('ERR_APPROVALS_UNAVAILABLE', `Cannot reach ${page.url}`, {
        hint: 'Start the local system: npm start',
        cause,
      });
    }
  };
}

function line(request: RequestView): string {
  const { id, status, requester, facts, target } = request;
  const until = new Date(request.expiresAt).toISOString().slice(11, 19);
  return `${id}  ${status}  ${requester}  ${facts.tag} on ${target}  until ${until} UTC`;
}

function described(request: RequestView, statement: string | null): string {
  const asks = request.asks.map(
    (ask) =>
      `  why        ${ask.message} (${ask.policy}): ${ask.quorum} of ${ask.approvers.join(' or ')}`,
  );
  const votes = request.votes.map(
    ({ voter, answer, reason, via }) =>
      `  vote       ${voter}: ${answer} by ${via}${reason === '' ? '' : `, ${visible(reason)}`}`,
  );
  const parameters = request.shown.parameters.map((value, i) => `\n$${i + 1} = ${value}`).join('');
  const shown = statement ?? request.shown.text + parameters;
  const part =
    statement !== null || request.shown.complete ? '' : '\n(part of it is masked or cut)';
  return [
    line(request),
    `  touches    ${objectsOf(request.facts).join(', ') || 'no known object'}`,
    ...asks,
    ...votes,
    ...(request.ending === '' ? [] : [`  ending     ${visible(request.ending)}`]),
    `\n${visible(shown)}${part}`,
  ].join('\n');
}

function isEnd(status: RequestView['status']): boolean {
  return !['requested', 'partly-approved', 'approved'].includes(status);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        as: { type: 'string' },
        reason: { type: 'string' },
        all: { type: 'boolean' },
        full: { type: 'boolean' },
        json: { type: 'boolean' },
      },
    });
  } catch (error) {
    // parseArgs says in its message which option it does not know.
    throw new UsageError((error as Error).message);
  }
}
