/**
 * Numbers, chains and keeps the events of this task's sessions; implements the port of services.ts.
 *
 * Recorded before forwarded: an append resolves when the event is as safe as its mode asks for. When
 * that promise cannot be kept, the append rejects with ERR_RECORDING_FAILED and so does every later one
 * of that session; only its end is still written, if there is room for it.
 */

import { hash } from 'node:crypto';
import type { SessionId, Sha256Hex } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Sha256, sealEvent } from '../../core/recording/chain.ts';
import type { CommandRecord, EventBody } from '../../core/recording/event.ts';
import type { Clock, Log, Recorder } from '../services.ts';
import { FRAME_BYTES, frame } from './frame.ts';
import {
  type Account,
  checkpointLine,
  enter,
  leave,
  openAccount,
  rebuild,
  startBody,
  unknownResult,
  whoOf,
} from './ledger.ts';
import { RECORDER_LIMITS, type RecorderLimits } from './limits.ts';
import { lockDirectory } from './lock.ts';
import { leftoverFiles, openSpool, type Spool, type SpoolFile } from './spool.ts';
import {
  CHECKPOINT_PREFIX,
  type DamageReporter,
  type EventStream,
  makeShipper,
  readChunk,
  withTimeout,
} from './stream.ts';

export interface RecorderDeps {
  /** Made when missing, for its owner alone. One process at a time. */
  readonly spoolDirectory: string;
  readonly stream: EventStream;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  readonly sha256?: Sha256;
  readonly limits?: Partial<RecorderLimits>;
}

type Mode = Parameters<Recorder['append']>[2];

const sha256Native: Sha256 = (data) => hash('sha256', data, 'hex') as Sha256Hex;

/**
 * Opens the spool, closes the chains of sessions that an earlier process left open, and ships what it
 * left unshipped.
 * @throws GatewayError ERR_RECORDING_FAILED when the directory cannot be used
 */
export function makeRecorder(deps: RecorderDeps): Recorder & { close(): Promise<void> } {
  const { clock, log, sha256 = sha256Native } = deps;
  const limits: RecorderLimits = { ...RECORDER_LIMITS, ...deps.limits };
  const release = lockDirectory(deps.spoolDirectory);
  const leftovers = leftoverFiles(deps.spoolDirectory);
  const accounts = recover(leftovers, sha256, log);
  const shipper = makeShipper({ spool: () => spool, stream: deps.stream, limits, log });
  const spool: Spool = openSpool(
    {
      directory: deps.spoolDirectory,
      limits,
      log,
      now: clock.now,
      preamble: () => [...accounts.values()].map(checkpointLine),
      onWrite: shipper.wake,
    },
    leftovers,
  );
  const write = makeWriter({ sha256, clock, limits, spool });

  async function append(session: SessionId, body: EventBody, mode: Mode): Promise<void> {
    const account = accounts.get(session);
    if (account === undefined) throw recordingFailed('the session is not open', null);
    if (account.failed !== null) throw recordingFailed('an earlier event was lost', account.failed);
    const place = write(account, body);
    if (mode === 'async') {
      // Not waited for by choice; a failure closes the session at its next append.
      place.catch((error: unknown) =>
        log.error('recorder.append_failed', { session, error: String(error) }),
      );
      return;
    }
    const { file, end } = await place;
    if (mode !== 'sync') return;
    try {
      const message = 'The event stream did not confirm';
      await withTimeout(shipper.acknowledged(file, end), limits.syncTimeoutMs, message);
    } catch (error) {
      // The event is in the spool and will arrive; but the command it announces must not run.
      account.failed = error as Error;
      if (body.kind === 'command.intent') withdraw(account, body.record, error as Error);
      throw error;
    }
  }

  /** An announced command that will not run, because its announcement is not safe enough. */
  function withdraw(account: Account, record: CommandRecord, why: Error): void {
    const body = { kind: 'command.refused', record: { ...record, refusal: why.message } } as const;
    write(account, body).catch((error: unknown) => {
      log.error('recorder.append_failed', { session: account.session, error: String(error) });
    });
  }

  async function end(session: SessionId, reason: string): Promise<void> {
    const account = accounts.get(session);
    if (account === undefined) return;
    accounts.delete(session);
    if (account.seq === 0) return;
    const last = closeChain(account, reason);
    try {
      await last;
    } catch (error) {
      // Nobody can act on it any more; verify will report the session as one without an end.
      log.error('recorder.end_failed', { session, error: String(error) });
    }
  }

  function closeChain(account: Account, reason: string): Promise<unknown> {
    account.failed = null;
    const results = [...account.open.values()].map((record) =>
      write(account, unknownResult(record)),
    );
    const body = { kind: 'session.end', reason, commands: account.commands } as const;
    return Promise.all([...results, write(account, body)]);
  }

  if (accounts.size > 0) log.warn('recorder.sessions_left_open', { count: accounts.size });
  for (const session of accounts.keys()) void end(session, 'proxy restarted');
  spool.flush();
  shipper.wake();

  return {
    start: async (session) => {
      if (accounts.has(session.id)) throw recordingFailed('the session is open already', null);
      accounts.set(session.id, openAccount(sha256, session.id, whoOf(session)));
      try {
        await append(session.id, startBody(session), session.target.record);
      } catch (error) {
        // Nobody will end a session that never began: it is closed here, where anything of it is kept.
        await end(session.id, 'not started: it could not be recorded');
        throw error;
      }
    },
    append,
    end,
    close: async () => {
      await Promise.all([...accounts.keys()].map((session) => end(session, 'proxy stopped')));
      spool.close();
      try {
        await shipper.drain(limits.closeTimeoutMs);
      } catch (error) {
        // What is left stays in the spool; the next start ships it.
        log.warn('recorder.close_undrained', { error: String(error) });
      }
      shipper.stop();
      release();
    },
  };
}

/** Adds an event to an account's chain and to the spool. Resolves with where it was written. */
function makeWriter(deps: {
  readonly sha256: Sha256;
  readonly clock: Pick<Clock, 'now'>;
  readonly limits: RecorderLimits;
  readonly spool: Spool;
}): (account: Account, body: EventBody) => Promise<{ file: SpoolFile; end: number }> {
  return (account, body) =>
    new Promise((resolve, reject) => {
      const { session, seq, head: prev, whoJson, commands } = account;
      const at = deps.clock.now();
      const { hash: head, line } = sealEvent(deps.sha256, {
        session,
        seq,
        at,
        prev,
        body,
        whoJson,
      });
      const framed = frame(line);
      const bytes = framed.length - FRAME_BYTES;
      if (bytes > deps.limits.eventBytes) {
        account.failed = new GatewayError(
          'ERR_RECORDING_FAILED',
          `Cannot record an event of ${bytes} bytes: the limit is ${deps.limits.eventBytes}`,
          { hint: 'Send smaller parameters' },
        );
        reject(account.failed);
        return;
      }
      account.seq = seq + 1;
      account.head = head;
      enter(account, body);
      deps.spool.append({
        line: framed,
        written: (file, end) => resolve({ file, end }),
        failed: (error) => {
          // The chain goes on from the last event that is on disk. Later events of this session in the
          // same group fail right after this one, so the first failure holds the place to go back to.
          if (seq < account.seq) {
            account.seq = seq;
            account.head = prev;
            account.commands = commands;
          }
          leave(account, body);
          account.failed = error;
          reject(error);
        },
      });
    });
}

function recover(
  leftovers: readonly SpoolFile[],
  sha256: Sha256,
  log: Log,
): Map<SessionId, Account> {
  const accounts = new Map<SessionId, Account>();
  for (const file of leftovers) {
    for (let position = 0; position < file.size; ) {
      const chunk = readChunk(file, position, NOT_YET);
      for (const text of chunk.texts)
        rebuildLine(text.toString('utf8'), accounts, sha256, file, log);
      position += chunk.consumed;
    }
  }
  return accounts;
}

function rebuildLine(
  text: string,
  accounts: Map<SessionId, Account>,
  sha256: Sha256,
  file: SpoolFile,
  log: Log,
): void {
  try {
    rebuild(sha256, accounts, text);
  } catch (error) {
    // Its checksum is right, so another version wrote it: it is shipped as it is and judged by the archive.
    const kind = text.startsWith(CHECKPOINT_PREFIX) ? 'checkpoint' : 'event';
    log.error('recorder.spool.unreadable_line', { file: file.path, kind, error: String(error) });
  }
}

/** Damage is reported once, when the shipper meets it. */
const NOT_YET: DamageReporter = { corrupt: () => {}, torn: () => {} };

function recordingFailed(why: string, cause: unknown): GatewayError {
  return new GatewayError('ERR_RECORDING_FAILED', `Cannot record: ${why}`, {
    hint: 'Connect again',
    ...(cause === null ? {} : { cause }),
  });
}
