/**
 * From policy files to a checked set, or to the list of everything that is wrong with them. All or
 * nothing: one bad policy and no set comes out, so that what cannot be enforced is never published.
 */
import * as v from 'valibot';
import { PolicyVersion, type Sha256Hex } from '../brand.ts';
import { parseAnnotations, type Rule } from './annotations.ts';
import type { Finding, PolicyJson, PolicyLanguage } from './language.ts';
import { checkApprovalScope, checkReferences, type Known } from './references.ts';

/** Policies of one set. Cedar took 3 ms a question at 500 (field notes on PostgreSQL, section 4). */
export const POLICIES_MAX = 500;

export interface PolicyFile {
  /** As it is shown: a path relative to where the reader stands. */
  readonly name: string;
  readonly text: string;
}

export interface PolicyProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The policy's @id; '' where it has none, or the problem is of the whole file. */
  readonly policy: string;
  readonly message: string;
  /** What to do; '' where the message says it all. */
  readonly fix: string;
}

export interface PolicySet {
  readonly version: PolicyVersion;
  readonly schema: string;
  readonly rules: ReadonlyMap<string, Rule>;
  /** Cedar text by `@id`: every policy. */
  readonly all: Readonly<Record<string, string>>;
  /** The same without the approval-forbids. */
  readonly base: Readonly<Record<string, string>>;
}

export type Compiled =
  | { readonly kind: 'compiled'; readonly set: PolicySet }
  | { readonly kind: 'invalid'; readonly problems: readonly PolicyProblem[] };

export interface CompileInput {
  readonly schema: PolicyFile;
  readonly files: readonly PolicyFile[];
  readonly known: Known;
}

export interface CompileDeps {
  readonly language: PolicyLanguage;
  readonly sha256: (text: string) => Sha256Hex;
}

interface Part {
  readonly file: PolicyFile;
  readonly text: string;
  /** Where the policy starts in its file, in UTF-16 units. */
  readonly start: number;
  readonly json: PolicyJson;
}

interface Named extends Part {
  readonly rule: Rule;
}

export function compilePolicies(deps: CompileDeps, input: CompileInput): Compiled {
  const problems: PolicyProblem[] = [...checkSchema(deps.language, input.schema)];
  const parts = input.files.flatMap((file) => readFile(deps.language, file, problems));
  const named = nameParts(parts, input.known, problems);
  if (parts.length === 0 && problems.length === 0) problems.push(noPolicies(input.schema));
  if (parts.length > POLICIES_MAX) problems.push(tooMany(parts.length, input.schema));
  // Cedar's findings are about policies by id, so they make sense only once every id does.
  if (problems.length === 0) problems.push(...validate(deps.language, input.schema, named));
  if (problems.length > 0) return { kind: 'invalid', problems: sortProblems(problems) };
  return { kind: 'compiled', set: assemble(deps, input.schema, named) };
}

function checkSchema(language: PolicyLanguage, schema: PolicyFile): readonly PolicyProblem[] {
  const parsed = language.checkSchema(schema.text);
  return parsed.kind === 'parsed' ? [] : parsed.findings.map((found) => at(schema, 0, '', found));
}

function readFile(language: PolicyLanguage, file: PolicyFile, problems: PolicyProblem[]): Part[] {
  const split = language.split(file.text);
  if (split.kind === 'invalid') {
    problems.push(...split.findings.map((found) => at(file, 0, '', found)));
    return [];
  }
  const locate = makeLocator(file.text);
  for (const template of split.value.templates) {
    problems.push(
      at(file, locate(template), '', {
        offset: 0,
        message: 'A template is never linked here, so it would have no effect',
        help: 'Write the policy out, without ?principal and ?resource',
      }),
    );
  }
  return split.value.policies.flatMap((text) => {
    const start = locate(text);
    const json = language.toJson(text);
    if (json.kind === 'parsed') return [{ file, text, start, json: json.value }];
    problems.push(...json.findings.map((found) => at(file, start, '', found)));
    return [];
  });
}

/** Finds each policy in its file again; equal texts are found one after the other. */
function makeLocator(text: string): (policy: string) => number {
  const next = new Map<string, number>();
  return (policy) => {
    const start = text.indexOf(policy, next.get(policy) ?? 0);
    if (start < 0) return 0;
    next.set(policy, start + policy.length);
    return start;
  };
}

function nameParts(parts: readonly Part[], known: Known, problems: PolicyProblem[]): Named[] {
  const first = new Map<string, Part>();
  const named: Named[] = [];
  for (const part of parts) {
    const parsed = parseAnnotations(part.json);
    const id = parsed.kind === 'rule' ? parsed.rule.id : parsed.id;
    const found = parsed.kind === 'problems' ? [...parsed.problems] : [];
    const approvers = parsed.kind === 'rule' ? (parsed.rule.ask?.approvers ?? []) : [];
    found.push(...checkReferences(part.json, approvers, known));
    if (parsed.kind === 'rule' && parsed.rule.ask !== null) {
      found.push(...checkApprovalScope(part.json));
    }
    const other = id === '' ? undefined : first.get(id);
    if (other !== undefined) {
      const where = `${other.file.name}:${lineAt(other.file.text, other.start)}`;
      found.push({ message: `@id("${id}") is taken by ${where}`, fix: 'Give each policy its own' });
    } else if (id !== '') first.set(id, part);
    for (const { message, fix } of found) {
      problems.push(at(part.file, part.start, id, { offset: 0, message, help: fix }));
    }
    if (parsed.kind === 'rule') named.push({ ...part, rule: parsed.rule });
  }
  return named;
}

function validate(
  language: PolicyLanguage,
  schema: PolicyFile,
  named: readonly Named[],
): readonly PolicyProblem[] {
  const byId = new Map(named.map((part) => [part.rule.id, part]));
  return language.validate(schema.text, texts(named)).map(({ policy, finding }) => {
    const part = byId.get(policy);
    return part === undefined
      ? at(schema, 0, policy, { ...finding, offset: 0 })
      : at(part.file, part.start, policy, finding);
  });
}

function assemble(deps: CompileDeps, schema: PolicyFile, named: readonly Named[]): PolicySet {
  const sorted = [...named].sort((a, b) => (a.rule.id < b.rule.id ? -1 : 1));
  // Comments and layout do not change what a set means, so they do not change its version either.
  const canonical = JSON.stringify([schema.text, ...sorted.map(({ json }) => sortKeys(json))]);
  return {
    version: v.parse(PolicyVersion, deps.sha256(canonical)),
    schema: schema.text,
    rules: new Map(sorted.map(({ rule }) => [rule.id, rule])),
    all: texts(sorted),
    base: texts(sorted.filter(({ rule }) => rule.ask === null)),
  };
}

function texts(named: readonly Named[]): Readonly<Record<string, string>> {
  return Object.fromEntries(named.map(({ rule, text }) => [rule.id, text]));
}

function sortKeys(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(sortKeys);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, sortKeys(value)]));
}

function at(file: PolicyFile, start: number, policy: string, found: Finding): PolicyProblem {
  const line = lineAt(file.text, start + found.offset);
  return { file: file.name, line, policy, message: found.message, fix: found.help };
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

function noPolicies(schema: PolicyFile): PolicyProblem {
  const message = 'There is no policy beside the schema, so everything would be refused';
  return { file: schema.name, line: 1, policy: '', message, fix: 'Add a .cedar file' };
}

function tooMany(count: number, schema: PolicyFile): PolicyProblem {
  const message = `${count} policies, and at most ${POLICIES_MAX} are evaluated in time`;
  return { file: schema.name, line: 1, policy: '', message, fix: 'Merge or remove some' };
}

function sortProblems(problems: readonly PolicyProblem[]): readonly PolicyProblem[] {
  return [...problems].sort((a, b) =>
    a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1,
  );
}

/** `policies/orders.cedar:12: [writes-held] Unknown annotation @aproval. Use one of …` */
export function formatProblem(problem: PolicyProblem): string {
  const policy = problem.policy === '' ? '' : `[${problem.policy}] `;
  const fix = problem.fix === '' ? '' : `. ${problem.fix}`;
  return `${problem.file}:${problem.line}: ${policy}${problem.message}${fix}`;
}
