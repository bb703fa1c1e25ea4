/** A command as the record keeps it. Takes the redacted text only: the unmasked one never comes near. */
import type { Command } from '../../core/command.ts';
import type { Decision } from '../../core/decision.ts';
import { type Facts, isBounded, verbsOf } from '../../core/facts.ts';
import { type CommandRecord, EVENT_TEXT_MAX } from '../../core/recording/event.ts';
import type { RequestView } from '../../core/wire/approvals.ts';

type FactsPart = Pick<CommandRecord, 'tag' | 'verbs' | 'objects' | 'opaque' | 'bounded'>;
export type ApprovalPart = CommandRecord['approval'];

/** Bound values kept of one command, UTF-16 units all together; what is cut is said so. */
const PARAMETERS_MAX = EVENT_TEXT_MAX;
const NO_PARAMETERS: readonly string[] = [];

/** Classifiers hand out the same facts for the same statement, so this is made once for each. */
const parts = new WeakMap<Facts, FactsPart>();

export function commandRecord(
  command: Command,
  decision: Decision | null,
  refusal: string,
  approval: ApprovalPart,
): CommandRecord {
  const { text, parameters } = command.redacted;
  const statementCut = Math.max(0, text.length - EVENT_TEXT_MAX);
  return {
    command: command.id,
    ...factsPart(command.facts),
    statement: statementCut === 0 ? text : text.slice(0, EVENT_TEXT_MAX),
    parameters: parameters.length === 0 ? NO_PARAMETERS : bounded(parameters),
    statementCut,
    // Without a decision there was no answer in time, and that is a no.
    decision: decision?.kind ?? 'deny',
    policies: decision?.policies ?? NO_PARAMETERS,
    policyVersion: decision?.policyVersion ?? null,
    refusal,
    approval,
  };
}

function factsPart(facts: Facts): FactsPart {
  let part = parts.get(facts);
  if (part === undefined) {
    const objects = new Map(
      facts.accesses.map(({ kind, name }) => [`${kind} ${name}`, { kind, name }]),
    );
    part = {
      tag: facts.tag,
      verbs: verbsOf(facts),
      objects: [...objects.values()],
      opaque: facts.opaque,
      bounded: isBounded(facts),
    };
    parts.set(facts, part);
  }
  return part;
}

function bounded(parameters: readonly string[]): readonly string[] {
  let room = PARAMETERS_MAX;
  return parameters.map((text) => {
    const kept = Math.min(room, text.length);
    room -= kept;
    return kept === text.length ? text : `${text.slice(0, kept)}… (${text.length - kept} more)`;
  });
}

export function approvalPart(view: RequestView): ApprovalPart {
  const approvers = view.votes
    .filter((vote) => vote.answer === 'approve')
    .map((vote) => vote.voter);
  return {
    id: view.id,
    approvers,
    requestedAt: view.requestedAt,
    decidedAt: view.decidedAt,
  };
}
