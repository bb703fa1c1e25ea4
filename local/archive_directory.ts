/**
 * The archive as a directory: keys are paths below it. An object appears whole or not at all, and is
 * never replaced: it is written beside its place and linked into it, which fails where something is.
 */
import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { EpochMs } from '../core/brand.ts';
import { GatewayError } from '../core/errors.ts';
import type { StoredObject } from '../core/recording/verify.ts';
import type { Archive, Put } from '../functions/archive/archive.ts';

/** What keys are made of. No segment begins with a dot, so none leads elsewhere or to a partial file. */
const KEY = /^(?:[A-Za-z0-9_=-][A-Za-z0-9._=-]*\/)*[A-Za-z0-9_=-][A-Za-z0-9._=-]*$/;
/** The limit of S3, so that both adapters refuse the same. */
const KEY_LENGTH_MAX = 1_024;
const PARTIAL = '.partial-';

/** @param directory made when missing, readable by its owner alone */
export function makeArchiveDirectory(directory: string): Archive {
  return {
    putOnce: (key, bytes) => putOnce(directory, key, bytes),
    get: async (key) => {
      try {
        return await readFile(pathOf(directory, key));
      } catch (error) {
        if (isMissing(error)) return null;
        throw unavailable('read', key, error);
      }
    },
    list: (prefix) => list(directory, prefix),
  };
}

function pathOf(directory: string, key: string): string {
  if (!KEY.test(key) || key.length > KEY_LENGTH_MAX) {
    throw new GatewayError('ERR_ARCHIVE_UNAVAILABLE', `"${key}" is not a key of the archive`);
  }
  return path.join(directory, ...key.split('/'));
}

async function putOnce(directory: string, key: string, bytes: Uint8Array): Promise<Put> {
  const file = pathOf(directory, key);
  const partial = path.join(path.dirname(file), `${PARTIAL}${randomUUID()}`);
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(partial, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      // Once it is acknowledged, the spool forgets it: from then on this is the only copy.
      await handle.sync();
    } finally {
      await handle.close();
    }
    return await linkOnce(partial, file);
  } catch (error) {
    throw unavailable('write', key, error);
  } finally {
    // What cannot be removed is not listed, and no key can name it.
    await rm(partial, { force: true }).catch(() => undefined);
  }
}

/** The one step that decides who was first. */
async function linkOnce(partial: string, file: string): Promise<Put> {
  try {
    await link(partial, file);
    return 'created';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'exists';
    throw error;
  }
}

async function* list(directory: string, prefix: string): AsyncGenerator<StoredObject> {
  // What begins with the prefix lies below its folder: the rest of the archive need not be looked at.
  const folder = path.join(directory, ...prefix.split('/').slice(0, -1));
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return;
    throw unavailable('list', prefix, error);
  }
  for (const entry of entries) {
    if (!entry.isFile() || entry.name.startsWith(PARTIAL)) continue;
    const file = path.join(entry.parentPath, entry.name);
    const key = path.relative(directory, file).split(path.sep).join('/');
    if (!key.startsWith(prefix)) continue;
    const { size, mtimeMs } = await stat(file);
    yield { key, size, modifiedAt: v.parse(EpochMs, Math.floor(mtimeMs)) };
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function unavailable(verb: string, key: string, cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause;
  const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new GatewayError('ERR_ARCHIVE_UNAVAILABLE', `Cannot ${verb} "${key}": ${why}`, {
    hint: 'Make room on, or repair, the disk that holds the archive',
    cause,
  });
}
