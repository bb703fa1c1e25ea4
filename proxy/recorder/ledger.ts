/**
 * What the recorder knows of a session: where its chain stands and which commands have no answer yet.
 * Rebuilt from the spool after a crash, so that the chain can be closed by the next process.
 */
import type { CommandId, SessionId, Sha256Hex } from '../../core/brand.ts';
import { canonicalJson } from '../../core/recording/canonical_json.ts';
import { genesisHash, type Sha256 } from '../../core/recording/chain.ts';
import type { CommandRecord, EventBody, RecordedEvent, Who } from '../../core/recording/event.ts';
import type { Session } from '../../core/session.ts';

export interface Account {
  readonly session: SessionId;
  readonly who: Who;
  readonly whoJson: string;
  /** Sequence number of the next event. */
  seq: number;
  /** Hash of the last one. */
  head: Sha256Hex;
  /** Commands whose result or refusal is recorded. */
  commands: number;
  /** Forwarded, and no answer recorded. */
  readonly open: Map<CommandId, CommandRecord>;
  /** Why no further command is taken; null while all is well. */
  failed: Error | null;
}

export function whoOf(session: Session): Who {
  const { principal, target } = session;
  return {
    principal: principal.email ?? principal.subject,
    subject: principal.subject,
    kind: principal.kind,
    groups: principal.groups,
    target: target.name,
    environment: target.environment,
    client: session.client,
  };
}

export function startBody(session: Session): EventBody {
  const { principal, target } = session;
  return {
    kind: 'session.start',
    principal: principal.subject,
    principalKind: principal.kind,
    email: principal.email,
    groups: principal.groups,
    target: target.name,
    environment: target.environment,
    protocol: target.protocol,
    client: session.client,
    application: session.application,
    expiresAt: session.expiresAt,
  };
}

export function openAccount(sha256: Sha256, session: SessionId, who: Who): Account {
  return {
    session,
    who,
    whoJson: canonicalJson(who),
    seq: 0,
    head: genesisHash(sha256, session),
    commands: 0,
    open: new Map(),
    failed: null,
  };
}

/** Keeps the account's books after an event was added to its chain. */
export function enter(account: Account, body: EventBody): void {
  if (body.kind === 'command.intent') account.open.set(body.record.command, body.record);
  if (body.kind === 'command.result' || body.kind === 'command.refused') {
    account.open.delete(body.record.command);
    account.commands += 1;
  }
}

/** Takes an event out of the books again: it did not reach the disk. */
export function leave(account: Account, body: EventBody): void {
  if (body.kind === 'command.intent') account.open.delete(body.record.command);
  // Its answer is lost, and the session's end will say that it is unknown.
  if (body.kind === 'command.result') account.open.set(body.record.command, body.record);
}

/** For a command that was forwarded and whose answer nobody will ever see. */
export function unknownResult(record: CommandRecord): EventBody {
  const outcome = {
    status: 'unknown',
    sqlState: '',
    rows: 0,
    bytes: 0,
    durationMs: 0,
    masked: [],
  } as const;
  return { kind: 'command.result', record, outcome };
}

/** The account as a line of the spool: begins every file, see spool.ts. */
export function checkpointLine(account: Account): string {
  const { session, who, seq, head, commands, open } = account;
  return JSON.stringify({
    checkpoint: { session, who, seq, head, commands, open: [...open.values()] },
  });
}

/** The books as they stood when the process died, from the lines of its spool in order. */
export function rebuild(sha256: Sha256, accounts: Map<SessionId, Account>, line: string): void {
  const value = JSON.parse(line) as { checkpoint: Checkpoint } | RecordedEvent;
  if ('checkpoint' in value) {
    const { checkpoint } = value;
    const account = openAccount(sha256, checkpoint.session, checkpoint.who);
    account.seq = checkpoint.seq;
    account.head = checkpoint.head;
    account.commands = checkpoint.commands;
    for (const record of checkpoint.open) account.open.set(record.command, record);
    accounts.set(checkpoint.session, account);
    return;
  }
  const account = accounts.get(value.session) ?? openAccount(sha256, value.session, value.who);
  account.seq = value.seq + 1;
  account.head = value.hash;
  enter(account, value.body);
  if (value.body.kind === 'session.end') accounts.delete(value.session);
  else accounts.set(value.session, account);
}

interface Checkpoint extends Pick<Account, 'session' | 'who' | 'seq' | 'head' | 'commands'> {
  readonly open: readonly CommandRecord[];
}
