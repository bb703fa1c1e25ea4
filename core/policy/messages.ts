/** What a refused caller reads: what was refused, why, and what to do. Never a value, only names. */
import type { Principal } from '../principal.ts';
import type { Rule } from './annotations.ts';
import type { Question } from './questions.ts';

/** Groups named in a sentence; a token may hold hundreds. */
const GROUPS_SHOWN_MAX = 8;

const PHRASES: Readonly<Record<string, string>> = {
  connect: 'connect to',
  execute: 'run statements on',
  transact: 'use transactions on',
  explain: 'use EXPLAIN on',
  assume: 'become',
  set: 'change',
  'copy-in': 'COPY into',
  'copy-out': 'COPY out of',
  grant: 'change privileges on',
  insert: 'insert into',
  delete: 'delete from',
  notify: 'use LISTEN and NOTIFY on',
};

/** The sentences of the forbids that determined a deny, each once. */
export function forbiddenMessage(rules: readonly Rule[]): string {
  const sentences = rules.map((rule) =>
    rule.message === '' ? `Policy ${rule.id} forbids it` : rule.message,
  );
  return [...new Set(sentences)].join(' ');
}

export function notPermittedMessage(
  principal: Principal,
  target: string,
  question: Question,
  more: number,
): string {
  const action = PHRASES[question.verb] ?? question.verb;
  const where = question.object === target ? '' : ` on ${target}`;
  const rest = more === 0 ? '' : ` (and ${more} more of what the statement does)`;
  return `No policy permits ${describe(principal)} to ${action} ${question.object}${where}${rest}. Ask whoever keeps the policies of ${target} for a permit.`;
}

export function failedMessage(policies: readonly string[]): string {
  const which = policies.length === 0 ? '' : ` (${policies.join('; ')})`;
  return `The policies could not be evaluated${which}, so nothing is allowed. Tell whoever keeps the policies.`;
}

function describe(principal: Principal): string {
  const name = principal.email ?? principal.subject;
  const shown = principal.groups.slice(0, GROUPS_SHOWN_MAX).join(', ');
  const hidden = principal.groups.length - GROUPS_SHOWN_MAX;
  if (principal.groups.length === 0) return `${name} (no groups)`;
  return `${name} (groups: ${shown}${hidden > 0 ? ` and ${hidden} more` : ''})`;
}
