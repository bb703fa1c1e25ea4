/**
 * The task's spool: append-only files of framed lines. An append that has returned survives any crash
 * of the process, because the bytes are with the kernel; it does not survive the host (see ARCHITECTURE,
 * decision 5: on Fargate the disk dies with the task, so an fsync would buy nothing there).
 *
 * Appends of one turn of the event loop are one write. The write is synchronous: it ends in the page
 * cache within microseconds, where a trip through libuv's threads costs several times that in CPU.
 */
import * as fs from 'node:fs';
import { basename, join } from 'node:path';
import { GatewayError } from '../../core/errors.ts';
import type { Log } from '../services.ts';
import { frame } from './frame.ts';
import type { RecorderLimits } from './limits.ts';

const FILE_NAME = /^\d{15}-\d{6}\.spool$/;
const OWNER_ONLY = 0o600;

export interface SpoolFile {
  readonly path: string;
  /** Bytes known to be written. Grows while the file is the active one. */
  size: number;
  /** No more is appended to it. */
  sealed: boolean;
}

export interface Entry {
  /** As `frame` makes it. */
  readonly line: Buffer;
  /** Called once the write has returned, with the end of the line in the file. */
  readonly written: (file: SpoolFile, end: number) => void;
  readonly failed: (error: GatewayError) => void;
}

export interface Spool {
  /** Oldest first; the last one is active. */
  readonly files: SpoolFile[];
  readonly append: (entry: Entry) => void;
  /** Writes what is pending now, rather than at the end of this turn. */
  readonly flush: () => void;
  /** Forgets and deletes a sealed file: the stream has acknowledged all of it. */
  readonly remove: (file: SpoolFile) => void;
  readonly close: () => void;
}

export interface SpoolDeps {
  readonly directory: string;
  readonly limits: RecorderLimits;
  readonly log: Log;
  readonly now: () => number;
  /** Lines that begin every file: what a restart must know of sessions whose events are gone from here. */
  readonly preamble: () => readonly string[];
  /** Called after each write, so that a shipper waiting for lines wakes up. */
  readonly onWrite: () => void;
}

/** Files left by an earlier process, oldest first. */
export function leftoverFiles(directory: string): SpoolFile[] {
  return fs
    .readdirSync(directory)
    .filter((name) => FILE_NAME.test(name))
    .sort()
    .map((name) => join(directory, name))
    .map((path) => ({ path, size: fs.statSync(path).size, sealed: true }));
}

/** The leading number of a file's name. */
function stampOf(path: string): number {
  return Number.parseInt(basename(path), 10);
}

export function openSpool(deps: SpoolDeps, leftovers: readonly SpoolFile[]): Spool {
  const { limits } = deps;
  const files: SpoolFile[] = [...leftovers];
  let active: { file: SpoolFile; fd: number } | null = null;
  let pending: Entry[] = [];
  let pendingBytes = 0;
  let scheduled: NodeJS.Immediate | null = null;
  let counter = 0;
  // Names sort as files were written, also when the clock went back between two processes or in one:
  // recovery reads them in that order, and a chain read out of order would be continued wrongly.
  let stamp = leftovers.reduce((last, { path }) => Math.max(last, stampOf(path) + 1), 0);
  let closed = false;
  let unshipped = files.reduce((sum, file) => sum + file.size, 0);

  function begin(): void {
    counter += 1;
    stamp = Math.max(stamp, deps.now());
    const name = `${String(stamp).padStart(15, '0')}-${String(counter).padStart(6, '0')}.spool`;
    const file: SpoolFile = { path: join(deps.directory, name), size: 0, sealed: false };
    const fd = fs.openSync(file.path, 'wx', OWNER_ONLY);
    files.push(file);
    active = { file, fd };
    const preamble = Buffer.concat(deps.preamble().map(frame));
    if (preamble.length > 0) write(active, preamble);
  }

  /**
   * The preamble must tell what is on disk, so a file is begun only when nothing is pending: at the
   * start, and after a group was written or refused as a whole.
   */
  function ensureActive(): void {
    if (active !== null && active.file.size >= limits.fileBytes) rotate();
    if (active !== null || closed) return;
    try {
      begin();
    } catch (error) {
      // What is appended next is refused, and it is tried again after that.
      rotate();
      deps.log.error('recorder.spool.write_failed', { error: String(error) });
    }
  }

  /** Writes all of it or nothing: a partial write (a full disk) is cut off again. */
  function write(target: { file: SpoolFile; fd: number }, bytes: Buffer): void {
    const before = target.file.size;
    try {
      let done = 0;
      while (done < bytes.length) {
        done += fs.writeSync(target.fd, bytes, done, bytes.length - done, before + done);
      }
    } catch (cause) {
      truncate(target, before);
      throw cause;
    }
    target.file.size = before + bytes.length;
    unshipped += bytes.length;
  }

  function truncate(target: { file: SpoolFile; fd: number }, size: number): void {
    try {
      fs.ftruncateSync(target.fd, size);
    } catch (error) {
      // The tail stays torn: reading skips a line with a wrong checksum, so nothing false is recorded.
      deps.log.error('recorder.spool.truncate_failed', {
        file: target.file.path,
        error: String(error),
      });
    }
  }

  function flush(): void {
    if (scheduled !== null) clearImmediate(scheduled);
    scheduled = null;
    if (pending.length === 0) return;
    const entries = pending;
    pending = [];
    pendingBytes = 0;
    const bytes = Buffer.concat(entries.map(({ line }) => line));
    try {
      if (unshipped + bytes.length > limits.spoolBytes) throw spoolFull(limits.spoolBytes);
      if (active === null) throw new Error('there is no file to write to');
      const target = active;
      let end = target.file.size;
      write(target, bytes);
      for (const entry of entries) {
        end += entry.line.length;
        entry.written(target.file, end);
      }
    } catch (cause) {
      // Nothing of this group is on disk; everyone who waits for it is told.
      const error = cause instanceof GatewayError ? cause : writeFailed(deps.directory, cause);
      deps.log.error('recorder.spool.write_failed', { error: error.message, cause: String(cause) });
      for (const entry of entries) entry.failed(error);
    }
    ensureActive();
    deps.onWrite();
  }

  function rotate(): void {
    if (active === null) return;
    fs.closeSync(active.fd);
    active.file.sealed = true;
    active = null;
  }

  ensureActive();
  return {
    files,
    append: (entry) => {
      const bytes = entry.line.length;
      if (pendingBytes + bytes > limits.pendingBytes) {
        entry.failed(
          new GatewayError('ERR_RECORDING_FAILED', 'Cannot record: too much waits to be written', {
            hint: 'The disk of the spool is too slow for the load; try again',
          }),
        );
        return;
      }
      pending.push(entry);
      pendingBytes += bytes;
      scheduled ??= setImmediate(flush);
    },
    flush,
    remove: (file) => {
      unshipped -= file.size;
      files.splice(files.indexOf(file), 1);
      fs.rmSync(file.path, { force: true });
    },
    close: () => {
      flush();
      closed = true;
      rotate();
    },
  };
}

function spoolFull(limit: number): GatewayError {
  return new GatewayError(
    'ERR_RECORDING_FAILED',
    `Cannot record: ${limit} bytes wait in the spool for the event stream`,
    { hint: 'The event stream is down or too slow; work goes on when it has caught up' },
  );
}

function writeFailed(directory: string, cause: unknown): GatewayError {
  const code = (cause as NodeJS.ErrnoException).code;
  const why = code === 'ENOSPC' ? 'the disk is full' : (code ?? 'the write failed');
  return new GatewayError('ERR_RECORDING_FAILED', `Cannot write to the spool: ${why}`, {
    hint: `Make room on, or repair, the disk that holds ${directory}`,
    cause,
  });
}
