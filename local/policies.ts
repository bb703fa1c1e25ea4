/** Which policies the local system goes by. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LocalConfig } from './config.ts';
import { DEMO_DATABASE } from './seed.ts';

export interface PoliciesOptions {
  readonly config: LocalConfig;
  /** The clone's `policies/`, which speak of the demo database. */
  readonly examples: string;
  /** Where a target of the user's own gets its first policies. */
  readonly ownDirectory: string;
  readonly notice: (line: string) => void;
}

/**
 * The demo's policies name the demo's target: to them nobody may enter another one. So a target of the
 * user's own starts with a copy that names it, and that copy is theirs to edit.
 */
export async function choosePolicies(options: PoliciesOptions): Promise<string> {
  const { config, examples, ownDirectory, notice } = options;
  if (config.policies !== null) return path.resolve(config.policies);
  const names = config.targets.map(({ target }) => target.name);
  const [name] = names;
  if (names.includes(DEMO_DATABASE) || name === undefined) return examples;
  const directory = path.join(ownDirectory, name);
  if (await holdsPolicies(directory)) return directory;
  await mkdir(ownDirectory, { recursive: true, mode: 0o700 });
  await cp(examples, directory, { recursive: true });
  for (const file of await readdir(directory)) {
    const text = await readFile(path.join(directory, file), 'utf8');
    await writeFile(path.join(directory, file), renamed(text, name));
  }
  notice(`Policies for "${name}" to begin with were written to ${directory}: edit them there`);
  return directory;
}

async function holdsPolicies(directory: string): Promise<boolean> {
  const files = await readdir(directory).catch(() => []);
  return files.some((file) => file.endsWith('.cedar'));
}

function renamed(text: string, name: string): string {
  return text.replaceAll(`Target::"${DEMO_DATABASE}"`, `Target::"${name}"`);
}
