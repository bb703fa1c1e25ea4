/**
 * What core asks of Cedar. The engine is WebAssembly and is handed in (functions/decide/cedar.ts is
 * the adapter), so that everything here stays pure and the same rules run in the Lambda, in the proxy
 * and in the tests.
 */

/** A value in an attribute or a context: the subset of Cedar's JSON that we make. */
export type CedarValue = boolean | number | string | readonly CedarValue[];

/** Type and id travel as two fields of JSON, never as source text: an id cannot break out of it. */
export interface EntityRef {
  readonly type: string;
  readonly id: string;
}

export interface Entity {
  readonly uid: EntityRef;
  readonly attrs: Readonly<Record<string, CedarValue>>;
  readonly parents: readonly EntityRef[];
}

export interface CedarRequest {
  readonly principal: EntityRef;
  readonly action: EntityRef;
  readonly resource: EntityRef;
  readonly context: Readonly<Record<string, CedarValue>>;
  readonly entities: readonly Entity[];
}

/**
 * Cedar's answer. `policies` are the ids of every policy that determined it. `errors` is not empty
 * where a policy failed or the request does not fit the schema: Cedar then skips that policy, a
 * forbid too, so an answer with errors is never to be trusted.
 */
export interface CedarAnswer {
  readonly decision: 'allow' | 'deny';
  readonly policies: readonly string[];
  readonly errors: readonly string[];
}

/** `base` is the set without the approval-forbids: what no grant can lift. */
export type PolicySubset = 'all' | 'base';

export type Authorize = (subset: PolicySubset, request: CedarRequest) => CedarAnswer;

/** A finding about a text: where it is, in UTF-16 units from the text's start, and what to do. */
export interface Finding {
  readonly offset: number;
  readonly message: string;
  /** '' where the engine has no advice. */
  readonly help: string;
}

export type Parsed<T> =
  | { readonly kind: 'parsed'; readonly value: T }
  | { readonly kind: 'invalid'; readonly findings: readonly Finding[] };

/** The half of the engine that is used once per policy version: reading and validating. */
export interface PolicyLanguage {
  /** The policies of one file, verbatim, in no particular order. Templates are listed apart. */
  readonly split: (
    text: string,
  ) => Parsed<{ readonly policies: readonly string[]; readonly templates: readonly string[] }>;
  /** Cedar's JSON form of one policy, annotations included (null where one has no value). */
  readonly toJson: (policy: string) => Parsed<PolicyJson>;
  readonly checkSchema: (schema: string) => Parsed<null>;
  /** Strict validation of {id: text}. Warnings count: "can never match" said of a forbid is a hole. */
  readonly validate: (
    schema: string,
    policies: Readonly<Record<string, string>>,
  ) => readonly { readonly policy: string; readonly finding: Finding }[];
}

/** What is read of Cedar's JSON policy format; conditions are only walked, see references.ts. */
export interface PolicyJson {
  readonly effect: 'permit' | 'forbid';
  readonly principal: unknown;
  readonly action: unknown;
  readonly resource: unknown;
  readonly conditions: readonly unknown[];
  readonly annotations?: Readonly<Record<string, string | null>>;
}
