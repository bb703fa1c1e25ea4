/**
 * `npm run readme`: plays the demo on a fresh system and puts its real output into README.md, between
 * the markers. The benchmark writes its own table, see bench/postgres.ts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { replaceBlock } from './block.ts';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const README = path.join(ROOT, 'README.md');
const DEADLINE_MS = 5 * 60_000;

const tour = await play();
await writeFile(README, replaceBlock(await readFile(README, 'utf8'), 'tour', fenced(tour)));

/** On a state directory of its own, so that a running system's sessions are not in the output. */
async function play(): Promise<string> {
  const state = await mkdtemp(path.join(tmpdir(), 'sallyport-readme-'));
  try {
    const child = spawn(process.execPath, [path.join(ROOT, 'local/demo.ts')], {
      env: { ...process.env, SALLYPORT_STATE: state, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: DEADLINE_MS,
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const [status] = await once(child, 'close');
    if (status !== 0) throw new Error(`The demo ended with ${status}:\n${text}`);
    return text;
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}

function fenced(text: string): string {
  return `\`\`\`\n${text.trim().replaceAll('```', "'''")}\n\`\`\``;
}
