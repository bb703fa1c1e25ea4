/**
 * Bundles every Lambda with one esbuild call into dist/functions/<name>/, each folder complete: what a
 * function needs at run time lies beside it, so the zip works without node_modules.
 */
import { cp, mkdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as esbuild, type Metafile } from 'esbuild';

const ROOT = dirname(fileURLToPath(import.meta.url));
export const OUTPUT = join(ROOT, 'dist/functions');

/** The folder under dist/functions, and where its handler is written. */
export const FUNCTIONS = {
  decide: 'functions/decide/handler.ts',
  approvals: 'functions/approvals/handler.ts',
  workflow_steps: 'functions/approvals/steps_handler.ts',
  slack: 'functions/slack/handler.ts',
  archive: 'functions/archive/handler.ts',
  digest: 'functions/archive/digest.ts',
} as const;
export type FunctionName = keyof typeof FUNCTIONS;

/**
 * Bundled CommonJS asks for `require` and `__dirname`, which a module does not have. The names are long
 * because esbuild does not see them: a short one may collide with a minified name, and only the first
 * import of the bundle would tell.
 */
const BANNER = [
  "import { createRequire as sallyportCreateRequire } from 'node:module';",
  'const require = sallyportCreateRequire(import.meta.url);',
  'const sallyportBundleFilename = import.meta.filename;',
  'const sallyportBundleDirname = import.meta.dirname;',
].join('\n');

/** Bundles, then puts WASM and policies beside the bundles that read them. Empties the output first. */
export async function buildFunctions(options: { readonly policies: string }): Promise<Metafile> {
  await rm(OUTPUT, { recursive: true, force: true });
  const { metafile } = await esbuild({
    absWorkingDir: ROOT,
    entryPoints: Object.entries(FUNCTIONS).map(([name, file]) => ({
      in: file,
      out: `${name}/index`,
    })),
    outdir: OUTPUT,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // The SDK of the runtime changes under a deployed function; a bundled one is what was tested.
    mainFields: ['module', 'main'],
    minify: true,
    keepNames: true,
    // A source map is larger than the code and would be loaded by every cold start.
    sourcemap: false,
    legalComments: 'none',
    charset: 'utf8',
    banner: { js: BANNER },
    define: { __filename: 'sallyportBundleFilename', __dirname: 'sallyportBundleDirname' },
    metafile: true,
    logLevel: 'warning',
  });
  await copyBeside('decide', [cedarWasm(), resolve(ROOT, options.policies)]);
  return metafile;
}

/** Cedar's Node build reads `cedar_wasm_bg.wasm` from the folder of the code that runs. */
function cedarWasm(): string {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve('@cedar-policy/cedar-wasm/nodejs')), 'cedar_wasm_bg.wasm');
}

async function copyBeside(name: FunctionName, sources: readonly string[]): Promise<void> {
  const directory = join(OUTPUT, name);
  await mkdir(directory, { recursive: true });
  for (const source of sources) {
    const isFile = source.endsWith('.wasm');
    const target = isFile
      ? join(directory, source.slice(dirname(source).length))
      : join(directory, 'policies');
    await cp(source, target, { recursive: true });
  }
}

if (import.meta.main) {
  const { config } = await import('./sallyport.config.ts');
  await buildFunctions({ policies: config.policies ?? 'policies' });
}
