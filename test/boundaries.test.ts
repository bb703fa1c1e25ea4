/**
 * The absences that ARCHITECTURE.md promises: what does not import what. Types count too where a folder
 * may not know another at all, so those rules read the sources; what runs is followed by esbuild, as the
 * bundles are made, through every file that an entry point reaches.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { FUNCTIONS } from '../build.ts';

/** Lines of one file: style.md. */
const FILE_LINES_MAX = 400;

const FOLDERS = 'bench,bin,core,functions,lib,local,proxy,test,tools';
const sources = globSync([`{${FOLDERS}}/**/*.{ts,js}`, '*.ts']).sort();
const within = (folder: string) => sources.filter((file) => file.startsWith(`${folder}/`));
const read = (file: string) => readFileSync(file, 'utf8');

/** What a file names in an import or export, of types too, and in an import() of a literal. */
function importsOf(file: string): readonly string[] {
  const named = read(file).matchAll(
    /(?:^|[;\n])\s*(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|\bimport\(?\s*['"]([^'"]+)['"]/g,
  );
  return [...named].map(([, from, called]) => from ?? called ?? '');
}

/** `core/brand.ts` for `../brand.ts`; a package keeps its name. */
function resolved(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return path.posix.join(path.posix.dirname(file), specifier);
}

/** Every import of `folder` that no pattern allows, as `file imports what`. */
function forbidden(folder: string, allowed: readonly RegExp[]): readonly string[] {
  const files = within(folder);
  expect(files.length, `${folder}/ has files`).toBeGreaterThan(0);
  return files.flatMap((file) =>
    importsOf(file)
      .map((specifier) => resolved(file, specifier))
      .filter((name) => !allowed.some((pattern) => pattern.test(name)))
      .map((name) => `${file} imports ${name}`),
  );
}

/** A package or a module of Node; not a path. */
const PACKAGE = /^(?!\.|[a-z_]+\/.*\.[jt]s$)(node:|@?[a-z])/;

/**
 * What lib/ and the running system must have in common: a protocol's port, the approval workflow, the
 * named queries, and the loader without whose yes no policy is deployed.
 */
const SHARED =
  /^(proxy\/protocols\/([a-z]+\/manifest|registry)|functions\/approvals\/workflow|functions\/decide\/policies|bin\/archive\/named_queries|build)\.ts$/;

describe('the sources', () => {
  it('are read by this test as the compiler reads them', () => {
    expect(importsOf('core/permit.ts')).toEqual(['./brand.ts', './decision.ts', './errors.ts']);
    expect(resolved('proxy/gate/gate.ts', '../../core/permit.ts')).toBe('core/permit.ts');
  });

  it('core/ imports the schema library and core/, nothing else: no node:, no SDK', () => {
    expect(forbidden('core', [/^valibot$/, /^core\//])).toEqual([]);
  });

  it('proxy/ and functions/ know each other by core/wire alone', () => {
    expect(forbidden('proxy', [PACKAGE, /^core\//, /^proxy\//])).toEqual([]);
    expect(forbidden('functions', [PACKAGE, /^core\//, /^functions\//])).toEqual([]);
  });

  it('lib/ takes from what runs only data, and the check that a policy file passes', () => {
    expect(forbidden('lib', [PACKAGE, /^(core|lib)\//, /^sallyport\.config\.ts$/, SHARED])).toEqual(
      [],
    );
  });

  it('only the app, the build and tests know lib/ and the CDK', () => {
    const outside = sources.filter((file) => !/^(lib|test)\/|^bin\/app\.ts$/.test(file));
    const knowing = outside.filter((file) =>
      importsOf(file).some((name) => /^aws-cdk-lib|^constructs$|^lib\//.test(resolved(file, name))),
    );
    expect(knowing).toEqual(['sallyport.config.ts']);
  });

  it('have at most 400 lines each', () => {
    const long = sources.filter((file) => read(file).split('\n').length - 1 > FILE_LINES_MAX);
    expect(long).toEqual([]);
  });
});

describe('a permit', () => {
  const running = sources.filter((file) => !file.startsWith('test/'));

  it('is minted by the gate and by nobody else', () => {
    const minting = running.filter((file) => /\bmintPermit\b/.test(read(file)));
    expect(minting).toEqual(['core/permit.ts', 'proxy/gate/gate.ts']);
  });

  it('is forged nowhere', () => {
    const casting = running.filter((file) => /\bas (unknown as )?Permit\b/.test(read(file)));
    expect(casting).toEqual(['core/permit.ts']);
  });
});

const ENTRY_POINTS = [
  'proxy/main.ts',
  'bin/sallyport.ts',
  'local/start.ts',
  ...Object.values(FUNCTIONS),
].filter((file) => existsSync(file));

/** By entry point: the files of the project that it reaches, and what they import from outside. */
async function reach(entryPoint: string): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: [entryPoint],
    outdir: 'unused',
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  });
  return metafile;
}

describe('what runs', () => {
  const reached = new Map<string, Metafile>();
  beforeAll(async () => {
    for (const entry of ENTRY_POINTS) reached.set(entry, await reach(entry));
  });
  const filesOf = (entry: string) => Object.keys(reached.get(entry)?.inputs ?? {});
  const packagesOf = (entry: string) =>
    Object.values(reached.get(entry)?.inputs ?? {})
      .flatMap(({ imports }) => imports)
      .filter(({ external }) => external === true)
      .map(({ path: name }) => name);

  it('is the fleet, the command line, the local mode and the functions', () => {
    expect(ENTRY_POINTS).toEqual(
      expect.arrayContaining(['proxy/main.ts', 'bin/sallyport.ts', 'local/start.ts']),
    );
    expect(ENTRY_POINTS.filter((file) => file.startsWith('functions/')).length).toBeGreaterThan(3);
  });

  it.each(ENTRY_POINTS)('%s reaches neither lib/ nor the CDK', (entry) => {
    expect(filesOf(entry)).toContain(entry);
    expect(filesOf(entry).filter((file) => file.startsWith('lib/'))).toEqual([]);
    expect(packagesOf(entry).filter((name) => /^aws-cdk|^constructs/.test(name))).toEqual([]);
  });

  it('of the fleet reaches no function, and no function reaches the proxy', () => {
    const beyond = (entry: string) => {
      const own = entry.split('/')[0] ?? '';
      return filesOf(entry).filter(
        (file) => !file.startsWith(`${own}/`) && !file.startsWith('core/'),
      );
    };
    const deployed = ENTRY_POINTS.filter((entry) => /^(proxy|functions)\//.test(entry));
    expect(deployed.flatMap((entry) => beyond(entry))).toEqual([]);
  });

  it('judges without Slack and without the AWS SDK, in all that its bundle holds', async () => {
    const { metafile } = await build({
      entryPoints: [FUNCTIONS.decide],
      outdir: 'unused',
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'silent',
    });
    const files = Object.keys(metafile.inputs);
    expect(files.filter((file) => file.includes('@cedar-policy')).length).toBeGreaterThan(0);
    expect(files.filter((file) => /@aws-sdk|@smithy|@slack/.test(file))).toEqual([]);
  });
});
