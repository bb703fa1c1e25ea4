/** The fleet's image has what the proxy imports, and nothing that is not the proxy's. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { SPOOL_DIRECTORY } from '../../lib/constructs/fleet.ts';

const dockerfile = readFileSync('proxy/Dockerfile', 'utf8');

async function importedByTheProxy() {
  const entryPoints = readdirSync('proxy', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join('proxy', file));
  const { metafile } = await build({
    entryPoints,
    outdir: 'unused',
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  });
  const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports);
  return {
    files: Object.keys(metafile.inputs),
    packages: imported
      .filter(({ external, path }) => external === true && !path.startsWith('node:'))
      .map(({ path }) => path.match(/^(@[^/]+\/)?[^/]+/)?.[0] ?? path),
  };
}

describe('the image', () => {
  it('has every file that the proxy imports', async () => {
    const { files } = await importedByTheProxy();
    const copied = [...dockerfile.matchAll(/^COPY (\w+) \.\/\1$/gm)].map(([, folder]) => folder);
    expect(new Set(copied)).toEqual(new Set(['core', 'proxy']));
    expect(files.filter((file) => !copied.includes(file.split('/')[0]))).toEqual([]);
  });

  it('has every package that the proxy imports: none is a development dependency', async () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const { packages } = await importedByTheProxy();
    expect(packages).toContain('valibot');
    expect(packages.filter((name) => dependencies[name] === undefined)).toEqual([]);
  });

  it('runs as its own user on the Node of the project, and owns the spool that the task mounts', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toContain(`VOLUME ["${SPOOL_DIRECTORY}"]`);
    const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      optionalDependencies: { node: string };
    };
    const bases = [...dockerfile.matchAll(/^FROM node:(\S+?)-/gm)].map(([, version]) => version);
    expect(new Set(bases)).toEqual(new Set([optionalDependencies.node]));
  });
});
