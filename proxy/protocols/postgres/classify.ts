/** From SQL text to facts, by PostgreSQL's own grammar and the target's catalog. */
import { LRUCache } from 'lru-cache';
import type { SessionContext } from '../../../core/command.ts';
import type { Facts } from '../../../core/facts.ts';
import type { Target } from '../../../core/target.ts';
import type { Node } from './ast.ts';
import { type Snapshot, schemasOf } from './catalog_snapshot.ts';
import { redactedSpans } from './classify_redact.ts';
import { classifyStatement } from './classify_statement.ts';
import { outputSource } from './flow.ts';
import type { Lineage } from './lineage_relations.ts';
import type { Parser } from './parser.ts';
import type { Classified, Classifier, ParsedStatement } from './statement.ts';
import { EXPRESSIONS_MAX, type Findings, newFindings, TooComplex, type Work } from './work.ts';

/** Classified texts that are remembered per snapshot of a target, and their total length in characters. */
const MEMO_ENTRIES_MAX = 5_000;
const MEMO_CHARACTERS_MAX = 8_000_000;

/** Longest `Facts.tag`; its schema says the same. */
const TAG_MAX = 200;

/** Statements of one message; above it the message is unreadable. psql and drivers send one or a few. */
const STATEMENTS_MAX = 1_000;

export interface ClassifierDependencies {
  readonly parser: Parser;
  readonly snapshot: Snapshot;
  readonly lineage: Lineage;
  readonly target: Target;
}

/** For one snapshot of one target: a new snapshot comes with a new classifier, and so with an empty memory. */
export function makeClassifier(dependencies: ClassifierDependencies): Classifier {
  const { parser, snapshot, lineage, target } = dependencies;
  const masked = new Set(target.masks.columns.map(({ column }) => column));
  const safeFunctions = new Set(target.safeFunctions);
  const memo = new LRUCache<string, Classified>({
    max: MEMO_ENTRIES_MAX,
    maxSize: MEMO_CHARACTERS_MAX,
    sizeCalculation: (_, key) => key.length,
  });
  const shared = new LRUCache<string, Facts>({ max: MEMO_ENTRIES_MAX });

  /**
   * Statements that differ in a literal have equal facts. As one object, their digest and whatever
   * else is kept by identity is found again.
   */
  const share = (facts: Facts): Facts => {
    const key = JSON.stringify(facts);
    const known = shared.get(key);
    if (known === undefined) shared.set(key, facts);
    return known ?? facts;
  };

  const compute = (text: string, context: SessionContext): Classified => {
    const parsed = parser.parse(text);
    if (parsed.kind !== 'tree') return parsed;
    if (parsed.statements.length > STATEMENTS_MAX) {
      return {
        kind: 'unreadable',
        message: `The message holds more than ${STATEMENTS_MAX} statements`,
      };
    }
    const work: Work = {
      snapshot,
      lineage,
      target: target.name,
      database: context.database,
      schemas: schemasOf(context.searchPath, context.role),
      masked,
      safeFunctions,
      found: newFindings(),
      budget: { left: EXPRESSIONS_MAX },
    };
    try {
      const message = classifyMessage(work, parser, text, parsed.statements);
      return { ...message, facts: share(message.facts) };
    } catch (error) {
      // Anything but TooComplex is a bug of ours: the statement is refused, the session lives on.
      const known = error instanceof TooComplex;
      const message = known ? error.message : 'The statement could not be classified';
      return { kind: 'unreadable', message };
    }
  };

  return {
    classify: (text, context) => {
      const misread = misreadBecause(context);
      if (misread !== null) return { kind: 'unreadable', message: misread };
      const key = memoKey(text, context);
      const remembered = memo.get(key);
      if (remembered !== undefined) return remembered;
      const classified = compute(text, context);
      // A parser that is restarting reads the same text a moment later.
      if (classified.kind !== 'unreadable') memo.set(key, classified);
      return classified;
    },
  };
}

/** The parser reads as a server with default settings does; under others the two would differ. */
function misreadBecause({ settings }: SessionContext): string | null {
  const scs = settings['standard_conforming_strings'];
  if (scs !== undefined && scs !== 'on') return 'standard_conforming_strings must be on';
  const encoding = settings['client_encoding'];
  if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) return 'client_encoding must be UTF8';
  return null;
}

/** What the answer depends on besides the snapshot. Lengths in front keep one part from passing for another. */
function memoKey(text: string, context: SessionContext): string {
  const parts = [context.database, context.role, ...context.searchPath];
  return `${parts.map((part) => `${part.length}:${part}`).join('')}|${text}`;
}

function classifyMessage(
  work: Work,
  parser: Parser,
  text: string,
  nodes: readonly Node[],
): Extract<Classified, { kind: 'parsed' }> {
  const { found } = work;
  const statements: ParsedStatement[] = [];
  let doubt: string | null = null;
  for (const node of nodes) {
    if (doubt !== null) found.opaque.push(doubt);
    const changesBefore = found.changes.length;
    const statement = classifyStatement(work, node);
    const changes = found.changes.slice(changesBefore);
    statements.push({
      tag: statement.tag,
      outputs: statement.outputs?.map(outputSource) ?? null,
      changes,
      copies: statement.copies,
    });
    if (found.opaque.length > 0) doubt ??= 'It follows a statement whose effect is not known';
    if (changes.some((change) => change.kind !== 'transaction')) {
      doubt ??= 'It follows a statement that changes what it means';
    }
  }
  if (found.opaque.length > 0 && work.masked.size > 0) found.touchesMasked = true;
  return {
    kind: 'parsed',
    statements,
    facts: factsOf(statements, found),
    redact: hides(found) ? redactedSpans(parser, text, found.plainLiterals) : [],
    redactParameters: parametersToRedact(found),
    writes: found.writes,
    touchesMasked: found.touchesMasked,
  };
}

function hides(found: Findings): boolean {
  return found.touchesMasked || found.holdsSecret;
}

function factsOf(statements: readonly ParsedStatement[], found: Findings): Facts {
  const tag = statements.map((statement) => statement.tag).join(';');
  return {
    tag: tag.length > TAG_MAX ? `${tag.slice(0, TAG_MAX - 1)}…` : tag,
    accesses: [...found.accesses.values()].map(({ verb, kind, name, columns, bounded }) => ({
      verb,
      kind,
      name,
      columns: columns === null ? null : [...columns].sort(),
      bounded,
    })),
    opaque: found.opaque[0] ?? null,
    unknown: [...found.unknown],
    predicates: [...found.predicates].sort(),
  };
}

/** A parameter may be shown where every place that it stands at may. */
function parametersToRedact(found: Findings): 'all' | readonly number[] {
  if (!hides(found)) return [];
  if (found.opaque.length > 0) return 'all';
  const hidden = new Set<number>();
  for (const [place, number] of found.parameters) {
    if (!found.plainParameters.has(place)) hidden.add(number);
  }
  return [...hidden].sort((left, right) => left - right);
}
