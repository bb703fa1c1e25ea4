/**
 * Cedar's WebAssembly behind the two ports of core/policy/language.ts. The only file that knows its API.
 * Loaded on first use: 32 ms and 13 MB that a process which never judges does not pay.
 */
import type * as Wasm from '@cedar-policy/cedar-wasm/nodejs';
import type {
  Authorize,
  CedarAnswer,
  CedarRequest,
  Entity,
  Finding,
  Parsed,
  PolicyLanguage,
  PolicySubset,
} from '../../core/policy/language.ts';
import type { PolicySet } from '../../core/policy/policy_set.ts';

export type Cedar = typeof Wasm;

export async function loadCedar(): Promise<Cedar> {
  return import('@cedar-policy/cedar-wasm/nodejs');
}

export function makePolicyLanguage(cedar: Cedar): PolicyLanguage {
  return {
    split: (text) => {
      const answer = cedar.policySetTextToParts(text);
      if (answer.type === 'failure') return invalid(text, answer.errors);
      const { policies, policy_templates: templates } = answer;
      return { kind: 'parsed', value: { policies, templates } };
    },
    toJson: (text) => {
      const answer = cedar.policyToJson(text);
      if (answer.type === 'failure') return invalid(text, answer.errors);
      return { kind: 'parsed', value: answer.json };
    },
    checkSchema: (schema) => {
      const answer = cedar.checkParseSchema(schema);
      if (answer.type === 'failure') return invalid(schema, answer.errors);
      return { kind: 'parsed', value: null };
    },
    validate: (schema, policies) => validate(cedar, schema, policies),
  };
}

/** Parses the set once; each question then costs a fraction of a millisecond. Throws on a set that fails. */
export function makeAuthorize(cedar: Cedar, set: PolicySet): Authorize {
  // Cedar keeps what was parsed for the life of the process, under the name that it is given here.
  const names: Readonly<Record<PolicySubset, string>> = {
    all: `${set.version}/all`,
    base: `${set.version}/base`,
  };
  expectParsed(cedar.preparseSchema(set.version, set.schema));
  for (const subset of ['all', 'base'] as const) {
    const policies = { staticPolicies: { ...set[subset] } };
    expectParsed(cedar.preparsePolicySet(names[subset], policies));
  }
  return (subset, request) => {
    const answer = cedar.statefulIsAuthorized({
      ...toCall(request),
      preparsedSchemaName: set.version,
      preparsedPolicySetId: names[subset],
      // A request that does not fit the schema is a bug of ours; unchecked, a policy would just skip it.
      validateRequest: true,
    });
    return toAnswer(answer);
  };
}

function toCall(request: CedarRequest) {
  const { principal, action, resource, context, entities } = request;
  // Cedar's types are not readonly; it copies what it is given.
  return {
    principal: { ...principal },
    action: { ...action },
    resource: { ...resource },
    context: context as Wasm.Context,
    entities: entities.map((entity: Entity) => entity as Wasm.EntityJson),
  };
}

function toAnswer(answer: Wasm.AuthorizationAnswer): CedarAnswer {
  if (answer.type === 'failure') {
    return { decision: 'deny', policies: [], errors: answer.errors.map(({ message }) => message) };
  }
  const { decision, diagnostics } = answer.response;
  return {
    decision,
    policies: diagnostics.reason,
    errors: diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${error.message}`),
  };
}

function validate(cedar: Cedar, schema: string, policies: Readonly<Record<string, string>>) {
  const answer = cedar.validate({
    schema,
    policies: { staticPolicies: { ...policies } },
    validationSettings: { mode: 'strict' },
  });
  if (answer.type === 'failure') {
    return answer.errors.map((error) => ({ policy: '', finding: finding('', error) }));
  }
  const wrong = new Set(answer.validationErrors.map(({ policyId }) => policyId));
  // "It can never match" says nothing new of a policy that is wrong already.
  const doubtful = answer.validationWarnings.filter(({ policyId }) => !wrong.has(policyId));
  return [
    ...[...answer.validationErrors, ...doubtful].map(({ policyId, error }) => ({
      policy: policyId,
      finding: finding(policies[policyId] ?? '', error),
    })),
    ...answer.otherWarnings.map((error) => ({ policy: '', finding: finding('', error) })),
  ];
}

function invalid<T>(text: string, errors: readonly Wasm.DetailedError[]): Parsed<T> {
  return { kind: 'invalid', findings: errors.map((error) => finding(text, error)) };
}

function finding(text: string, error: Wasm.DetailedError): Finding {
  const place = error.sourceLocations?.[0];
  const help = [place?.label, error.help].filter((part) => part != null && part !== '').join('; ');
  // Cedar counts UTF-8 bytes.
  const before = Buffer.from(text).subarray(0, place?.start ?? 0);
  // Where it is named already, the engine's own name for it is noise.
  const message = error.message.replace(/^for policy `[^`]*`, /, '');
  return { offset: before.toString().length, message, help };
}

function expectParsed(answer: Wasm.CheckParseAnswer): void {
  if (answer.type === 'success') return;
  throw new Error(answer.errors.map(({ message }) => message).join('; '));
}
