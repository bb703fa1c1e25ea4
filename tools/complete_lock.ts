/**
 * Adds to package-lock.json the platform packages that npm left out, so that `npm ci` works everywhere.
 *
 * npm writes an optional dependency into the lock file only when the registry it asked has that package; on
 * one that mirrors a few platforms the others are left out, and `npm ci` then refuses the whole file as out
 * of step. What an entry needs for being skipped elsewhere (its os, cpu and libc) is in the package's name.
 * Run after `npm install` changed the lock file: `node tools/complete_lock.ts`.
 */
import { readFile, writeFile } from 'node:fs/promises';

interface Entry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const FILE = new URL('../package-lock.json', import.meta.url);
const SYSTEMS = /\b(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)\b/;
const PROCESSORS = /\b(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)\b/;

const lock: { packages: Record<string, Entry> } = JSON.parse(await readFile(FILE, 'utf8'));
const added = new Map<string, Entry>();
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    // Others, like graceful-fs inside a bundle, are no platform's: npm deals with them by itself.
    if (lock.packages[place] !== undefined || !SYSTEMS.test(name)) continue;
    added.set(place, entryFor(name, version, entry));
  }
}
const [root, ...rest] = Object.entries({ ...lock.packages, ...Object.fromEntries(added) });
if (root === undefined) throw new Error('package-lock.json lists no packages');
rest.sort(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = Object.fromEntries([root, ...rest]);
await writeFile(FILE, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`Added ${added.size} platform packages\n`);

function entryFor(name: string, version: string, parent: Entry): Entry {
  const os = SYSTEMS.exec(name)?.[1];
  const cpu = PROCESSORS.exec(name)?.[1];
  if (os === undefined || !/^\d/.test(version)) {
    throw new Error(`Cannot tell the platform of "${name}@${version}"; add it by hand`);
  }
  const libc = /musl/.test(name) ? 'musl' : 'glibc';
  return {
    version,
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(parent.dev === true ? { dev: true } : {}),
    ...(os === 'linux' ? { libc: [libc] } : {}),
    optional: true,
    os: [os],
  };
}
