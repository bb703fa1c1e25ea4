/**
 * What a grant is bound to. The gate computes the digest when it opens a request and again when it
 * consumes the grant; functions/approvals compares the two. Any difference refuses.
 */
import type { SessionId, Sha256Hex } from '../brand.ts';
import type { Parameter, SessionContext } from '../command.ts';
import type { Facts } from '../facts.ts';
import type { Principal } from '../principal.ts';
import { type Canonical, canonicalBytes } from './canonical.ts';

/** Handed in, because core has no crypto of its own. */
export type Sha256 = (bytes: Uint8Array) => Sha256Hex;

/**
 * Tells these digests from any other SHA-256 in the system, and a `once` grant from kinds to come: a
 * grant that leaves the session out (`deferred`) gets a domain of its own, so neither passes for the other.
 */
const DOMAIN_ONCE = 'sallyport.grant.once.v1';

export interface BindingInput {
  /** The exact bytes that will be forwarded. */
  readonly frame: Uint8Array;
  /** The statement's text: for a portal executed later, the frame alone does not hold it. */
  readonly text: string;
  readonly parameters: readonly Parameter[];
  readonly resultFormats: readonly number[];
  readonly context: SessionContext;
  readonly facts: Facts;
  readonly principal: Principal;
  /** The target's name. */
  readonly target: string;
  readonly session: SessionId;
}

export function bindingDigest(sha256: Sha256, input: BindingInput): Sha256Hex {
  return sha256(canonicalBytes([DOMAIN_ONCE, bound(input)]));
}

/** Field by field, so that a field added to a type is bound by decision and not by accident. */
function bound(input: BindingInput): Canonical {
  const { context, principal } = input;
  return {
    frame: input.frame,
    text: input.text,
    parameters: input.parameters.map(({ type, format, value }) => ({ type, format, value })),
    resultFormats: input.resultFormats,
    database: context.database,
    role: context.role,
    searchPath: context.searchPath,
    // The card says whether locks are held while people think: that is part of what was approved.
    transaction: context.transaction,
    settings: context.settings,
    facts: boundFacts(input.facts),
    // Who, not what they may do: groups are judged again at execution.
    principal: { subject: principal.subject, kind: principal.kind, actor: principal.actor },
    target: input.target,
    session: input.session,
  };
}

function boundFacts(facts: Facts): Canonical {
  return {
    tag: facts.tag,
    accesses: facts.accesses.map(({ verb, kind, name, columns, bounded }) => ({
      verb,
      kind,
      name,
      columns,
      bounded,
    })),
    opaque: facts.opaque,
    unknown: facts.unknown,
    predicates: facts.predicates,
  };
}
