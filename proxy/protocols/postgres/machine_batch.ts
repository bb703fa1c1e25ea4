/**
 * Cuts an extended batch into what is judged as one: a statement that is prepared and described, or
 * one that is executed, with the Parse, Bind and Describe that belong to it. Nothing of it reaches
 * the target before the answer: parsing reads literals, and binding plans, which runs functions.
 */
import type { BindMessage, ExecuteMessage } from './codec_frontend.ts';
import { parametersOf } from './codec_frontend.ts';
import { close, describePortal, errorResponse, parse } from './codec_synthetic.ts';
import { failBatch, judge } from './machine_judge.ts';
import type {
  Expected,
  Held,
  Pending,
  PortalEntry,
  SessionState,
  StatementEntry,
} from './session_state.ts';

type Common = Pick<Pending, 'protocol' | 'refreshed' | 'classified'>;
const COMMON: Common = { protocol: 'extended', refreshed: false, classified: null };

/**
 * Judges what is held without an Execute. May leave `pending`, `skipping`, or nothing held at all.
 * A Bind has no place here: it would plan, and so run functions, for nobody to see.
 */
export function cutPrepare(state: SessionState): void {
  const { held } = state;
  const bound = held.find((item) => item.kind === 'bind');
  if (bound !== undefined) {
    fail(state, '0A000', 'a portal is bound, and not executed in the same batch', BIND_HINT);
    return;
  }
  const [first] = held;
  if (first?.kind === 'describe-portal') {
    describeKnownPortal(state, first);
    return;
  }
  const statement = statementOf(state, held, nameOf(first));
  if (statement === null) {
    fail(state, '26000', `prepared statement "${nameOf(first)}" does not exist`);
    return;
  }
  state.held = [];
  const [again, anew] = preparedAnew(state, held, statement);
  judge(state, {
    ...COMMON,
    mode: 'prepare',
    text: statement.text,
    parameters: [],
    resultFormats: [],
    frame: joined([...again, ...held.map((item) => item.bytes)]),
    context: state.contexts[state.status],
    known: null,
    expects: () => [...anew, ...held.flatMap((item) => expectedOf(state, item, null))],
    portal: null,
  });
}

const BIND_HINT = 'Send Bind and Execute together, without a Flush or Sync between them';

/** True: the Execute was taken, or refused. False: something before it has to be judged first. */
export function cutExecute(state: SessionState, bytes: Buffer, message: ExecuteMessage): boolean {
  const { held } = state;
  const bind = held.find((item) => item.kind === 'bind');
  if (bind === undefined || bind.message.portal !== message.portal) {
    if (held.length > 0) {
      cutPrepare(state);
      return state.skipping;
    }
    goOn(state, bytes, message);
    return true;
  }
  const statement = statementOf(state, held, bind.message.statement);
  if (statement === null) {
    fail(state, '26000', `prepared statement "${bind.message.statement}" does not exist`);
    return true;
  }
  state.held = [];
  judgeExecute(state, held, bind.message, statement, bytes);
  return true;
}

function judgeExecute(
  state: SessionState,
  held: readonly Held[],
  bind: BindMessage,
  statement: StatementEntry,
  bytes: Buffer,
): void {
  const parameters = parametersOf(bind, statement.types);
  const context = state.contexts[state.status];
  const [again, anew] = preparedAnew(state, held, statement);
  const described = held.some((item) => item.kind === 'describe-portal');
  // The columns of this very portal are asked for where the client did not: a description of the
  // statement may be of another plan, made under another search_path.
  const ask = described ? [] : [describePortal(bind.portal)];
  const { portal: name, resultFormats } = bind;
  const expects: Pending['expects'] = (classified) => {
    const { text } = statement;
    const columns = null;
    const portal = { name, text, classified, context, parameters, resultFormats, columns };
    const own = held.flatMap((item) => expectedOf(state, item, portal));
    const asked: Expected[] = described ? [] : [{ kind: 'describe-portal', swallow: true, portal }];
    return [...anew, ...own, ...asked, { kind: 'execute', portal }];
  };
  judge(state, {
    ...COMMON,
    mode: 'admit',
    text: statement.text,
    parameters,
    resultFormats,
    frame: joined([...again, ...held.map((item) => item.bytes), ...ask, bytes]),
    context,
    known: null,
    expects,
    portal: null,
  });
}

/** Another Execute of a portal that was suspended: the rows go on under the plan they began with. */
function goOn(state: SessionState, bytes: Buffer, message: ExecuteMessage): void {
  const portal = state.portals.get(message.portal);
  if (portal === undefined) {
    fail(state, '34000', `portal "${message.portal}" does not exist`);
    return;
  }
  judge(state, {
    ...COMMON,
    mode: 'admit',
    text: portal.text,
    parameters: portal.parameters,
    resultFormats: portal.resultFormats,
    frame: bytes,
    context: portal.context,
    known: portal.classified,
    expects: () => [{ kind: 'execute', portal }],
    portal,
  });
}

function describeKnownPortal(state: SessionState, item: Held & { kind: 'describe-portal' }): void {
  const portal = state.portals.get(item.name);
  if (portal === undefined) {
    fail(state, '34000', `portal "${item.name}" does not exist`);
    return;
  }
  state.held = [];
  judge(state, {
    ...COMMON,
    mode: 'prepare',
    text: portal.text,
    parameters: [],
    resultFormats: [],
    frame: item.bytes,
    context: portal.context,
    known: portal.classified,
    expects: () => [{ kind: 'describe-portal', swallow: false, portal }],
    portal,
  });
}

function nameOf(item: Held | undefined): string {
  if (item === undefined) return '';
  return item.kind === 'parse' || item.kind === 'bind' ? item.message.statement : item.name;
}

/** The statement of that name as the batch leaves it: parsed just now, or before. */
function statementOf(
  state: SessionState,
  held: readonly Held[],
  name: string,
): StatementEntry | null {
  for (const item of held) {
    if (item.kind === 'parse' && item.message.statement === name) return entryOf(state, item);
  }
  return state.statements.get(name) ?? null;
}

function entryOf(state: SessionState, item: Held & { kind: 'parse' }): StatementEntry {
  const { statement, text, types } = item.message;
  return { name: statement, text, types, generation: state.generation };
}

/** What has to go before, so that the target's statement of that name is the one that is judged. */
function preparedAnew(
  state: SessionState,
  held: readonly Held[],
  statement: StatementEntry,
): readonly [readonly Buffer[], readonly Expected[]] {
  const parsed = held.some((item) => item.kind === 'parse');
  if (parsed || statement.generation === state.generation) return [[], []];
  const { name, text, types } = statement;
  const entry = { name, text, types, generation: state.generation };
  return [
    [close('statement', name), parse(name, text, types)],
    [
      { kind: 'close', swallow: true, target: 'statement', name },
      { kind: 'parse', swallow: true, statement: entry },
    ],
  ];
}

function expectedOf(state: SessionState, item: Held, portal: PortalEntry | null): Expected[] {
  switch (item.kind) {
    case 'parse':
      return [{ kind: 'parse', swallow: false, statement: entryOf(state, item) }];
    case 'bind':
      return portal === null ? [] : [{ kind: 'bind', portal }];
    case 'describe-statement':
      return [{ kind: 'describe-statement' }];
    case 'describe-portal':
      return portal === null ? [] : [{ kind: 'describe-portal', swallow: false, portal }];
  }
}

function fail(state: SessionState, code: string, message: string, hint = ''): void {
  state.toClient.push(errorResponse({ severity: 'ERROR', code, message, hint }));
  failBatch(state);
}

function joined(parts: readonly Buffer[]): Buffer {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
}
