/** From what is asked to the list of Cedar requests whose answers decide it. Pure and total. */
import type { SessionContext } from '../command.ts';
import { type Access, type Facts, isBounded, verbsOf } from '../facts.ts';
import type { Principal } from '../principal.ts';
import type { Target } from '../target.ts';
import type { DecideRequest } from '../wire/decide.ts';
import { columnEntity, objectEntity, principalEntity, ref, targetEntity } from './entities.ts';
import type { CedarRequest, CedarValue, Entity } from './language.ts';

/**
 * Objects of one command that are still judged. A question takes about half a millisecond, so this is
 * what fits the proxy's deadline of 2 s (field notes on AWS, 4.2) with room to spare; a command that
 * touches more is refused, never judged in part.
 */
export const ACCESSES_MAX = 500;

/** A request and what it is about, in the words of people: for messages and for `policy explain`. */
export interface Question {
  readonly verb: string;
  /** `relation public.orders`; for the target its name alone. */
  readonly object: string;
  readonly request: CedarRequest;
}

export type Questions =
  | { readonly kind: 'questions'; readonly questions: readonly [Question, ...Question[]] }
  /** No list of questions would cover the command: it is refused with this sentence. */
  | { readonly kind: 'unanswerable'; readonly why: string };

/** What decides the request. The questions about masks come apart: they cannot refuse anything. */
export function questionsOf(request: DecideRequest): Questions {
  if (request.question === 'command') return commandQuestions(request);
  const { principal, target } = request;
  const asker = principalEntity(principal);
  const question = ask(asker, 'connect', target.name, targetEntity(target), target, {});
  return { kind: 'questions', questions: [question] };
}

export function unmaskQuestions(principal: Principal, target: Target): readonly Question[] {
  const asker = principalEntity(principal);
  return target.masks.columns.map(({ column }) =>
    ask(asker, 'unmask', `column ${column}`, columnEntity(target, column), target, {}),
  );
}

/** `execute` on the target comes first and always: facts without objects are never allowed by vacuity. */
function commandQuestions(request: Extract<DecideRequest, { question: 'command' }>): Questions {
  const { principal, target, facts } = request;
  if (facts.accesses.length > ACCESSES_MAX) {
    return unanswerable(
      `The statement touches ${facts.accesses.length} objects and at most ${ACCESSES_MAX} can be judged; split it`,
    );
  }
  if (facts.unknown.length > 0) {
    return unanswerable(
      `${target.name} has no ${facts.unknown.join(', ')} that the gateway knows of; check the spelling and the search_path`,
    );
  }
  const asker = principalEntity(principal);
  const about = commandContext(facts, request.context);
  const questions: [Question, ...Question[]] = [
    ask(asker, 'execute', target.name, targetEntity(target), target, {
      ...about,
      bounded: isBounded(facts),
    }),
  ];
  for (const access of facts.accesses) {
    const object = objectEntity(target, access.kind, access.name);
    if (object === null) {
      return unanswerable(
        `The name of the ${access.kind} ${access.name} is ambiguous to the gateway (a dot inside a quoted identifier?); reach it through a view or rename it`,
      );
    }
    const named = access.kind === 'target' ? target.name : `${access.kind} ${access.name}`;
    const context = { ...about, ...accessContext(access) };
    questions.push(ask(asker, access.verb, named, object, target, context));
  }
  return { kind: 'questions', questions };
}

function unanswerable(why: string): Questions {
  return { kind: 'unanswerable', why };
}

function ask(
  asker: Entity,
  verb: string,
  object: string,
  resource: Entity,
  target: Target,
  context: Readonly<Record<string, CedarValue>>,
): Question {
  const entities = [asker, resource];
  // The target goes along, so that a policy about a table may ask for its target's attributes.
  if (resource.uid.id !== target.name) entities.push(targetEntity(target));
  return {
    verb,
    object,
    request: {
      principal: asker.uid,
      action: ref('Action', verb),
      resource: resource.uid,
      context,
      entities,
    },
  };
}

type Context = Readonly<Record<string, CedarValue>>;

function commandContext(facts: Facts, session: SessionContext): Context {
  return {
    tag: facts.tag,
    opaque: facts.opaque !== null,
    verbs: verbsOf(facts),
    predicates: facts.predicates,
    transaction: session.transaction,
    database: session.database,
    role: session.role,
  };
}

function accessContext(access: Access): Context {
  // An absent set forces a policy to say what it means by "all columns": strict validation asks for it.
  return access.columns === null
    ? { bounded: access.bounded }
    : { bounded: access.bounded, columns: access.columns };
}
