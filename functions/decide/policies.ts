/** From a directory of policy files to something that can be asked. Used by the handler and `policy check`. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { Sha256Hex } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Policies } from '../../core/policy/evaluate.ts';
import {
  type Compiled,
  compilePolicies,
  formatProblem,
  type PolicyFile,
  type PolicySet,
} from '../../core/policy/policy_set.ts';
import type { Known } from '../../core/policy/references.ts';
import { type Cedar, loadCedar, makeAuthorize, makePolicyLanguage } from './cedar.ts';

export const SCHEMA_FILE = 'sallyport.cedarschema';

/** Generous for text that people review; a set beyond them is a mistake, e.g. a wrong directory. */
export const POLICY_FILES_MAX = 200;
export const POLICY_FILE_BYTES_MAX = 1024 * 1024;

/** Problems named one by one in an error; `policy check` lists them all. */
const PROBLEMS_SHOWN_MAX = 10;

const NOTHING_KNOWN: Known = { groups: null, targets: null };

/** Rejects with ERR_POLICY_INVALID, naming file, line and what to do. */
export async function loadPolicies(directory: string): Promise<Policies> {
  const cedar = await loadCedar();
  const compiled = await compileDirectory(cedar, directory, NOTHING_KNOWN);
  if (compiled.kind === 'compiled') return askable(cedar, compiled.set);
  const shown = compiled.problems.slice(0, PROBLEMS_SHOWN_MAX).map(formatProblem);
  const hidden = compiled.problems.length - shown.length;
  if (hidden > 0) shown.push(`… and ${hidden} more`);
  throw new GatewayError('ERR_POLICY_INVALID', `Cannot load the policies:\n${shown.join('\n')}`, {
    hint: 'Correct them and check with: sallyport policy check',
  });
}

/** Rejects with ERR_POLICY_INVALID only where files cannot be read; what is wrong in them is returned. */
export async function checkPolicies(directory: string, known: Known): Promise<Compiled> {
  return compileDirectory(await loadCedar(), directory, known);
}

export function askable(cedar: Cedar, set: PolicySet): Policies {
  return { version: set.version, rules: set.rules, authorize: makeAuthorize(cedar, set) };
}

export function sha256(text: string): Sha256Hex {
  return v.parse(Sha256Hex, createHash('sha256').update(text).digest('hex'));
}

async function compileDirectory(cedar: Cedar, directory: string, known: Known): Promise<Compiled> {
  const names = await listPolicies(directory);
  const schema = await readPolicy(join(directory, SCHEMA_FILE));
  const files: PolicyFile[] = [];
  for (const name of names) files.push(await readPolicy(join(directory, name)));
  return compilePolicies({ language: makePolicyLanguage(cedar), sha256 }, { schema, files, known });
}

async function listPolicies(directory: string): Promise<readonly string[]> {
  let entries: string[];
  try {
    entries = await readdir(directory, { recursive: true });
  } catch (cause) {
    // Whatever the reason, without its policies a gateway must not start.
    throw unreadable(directory, cause);
  }
  const names = entries.filter((name) => name.endsWith('.cedar')).sort();
  if (names.length <= POLICY_FILES_MAX) return names;
  throw new GatewayError(
    'ERR_POLICY_INVALID',
    `Cannot load the policies: "${directory}" holds ${names.length} policy files, at most ${POLICY_FILES_MAX} are read`,
    { hint: 'Is it the right directory? Merge some files if it is' },
  );
}

async function readPolicy(path: string): Promise<PolicyFile> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    // A set with a file missing is another set: refused, never loaded in part.
    throw unreadable(path, cause);
  }
  if (bytes.length > POLICY_FILE_BYTES_MAX) {
    throw new GatewayError(
      'ERR_POLICY_INVALID',
      `Cannot load "${path}": it has ${bytes.length} bytes, at most ${POLICY_FILE_BYTES_MAX} are read`,
      { hint: 'Split it' },
    );
  }
  return { name: path, text: bytes.toString('utf8') };
}

function unreadable(path: string, cause: unknown): GatewayError {
  return new GatewayError('ERR_POLICY_INVALID', `Cannot read "${path}"`, {
    hint: `Policies are .cedar files beside a ${SCHEMA_FILE}; name their directory`,
    cause,
  });
}
