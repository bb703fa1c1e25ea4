/** Who may do what, read out of the synthesized templates: a small, exact matcher of IAM statements. */

import { type CfnElement, Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { flatten, type Resource, resourcesOf, type Synthesized } from './synth.ts';

export interface Statement {
  readonly sid: string;
  readonly effect: string;
  /** `stack/logicalId` of the roles it is attached to, or of the policy that nobody here has. */
  readonly holders: readonly string[];
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface RawStatement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Condition?: Statement['conditions'];
}

type Placed = Resource & { readonly id: string; readonly stack: string };

/** Of every identity policy: inline, attached and managed. Resource policies are another matter. */
export function identityStatements(app: Synthesized): readonly Statement[] {
  const inline = resourcesOf(app, 'AWS::IAM::Role').flatMap((role) => [
    ...noManaged(role),
    ...listOf(role.Properties['Policies']).flatMap((policy) =>
      read(app, role, (policy as { PolicyDocument: unknown }).PolicyDocument, [holder(role)]),
    ),
  ]);
  const attached = resourcesOf(app, 'AWS::IAM::Policy').flatMap((policy) => {
    const roles = listOf(policy.Properties['Roles']) as { Ref: string }[];
    const holders = roles.map(({ Ref }) => `${policy.stack}/${Ref}`);
    return read(app, policy, policy.Properties['PolicyDocument'], holders);
  });
  const managed = resourcesOf(app, 'AWS::IAM::ManagedPolicy').flatMap((policy) =>
    read(app, policy, policy.Properties['PolicyDocument'], [holder(policy)]),
  );
  return [...inline, ...attached, ...managed];
}

/** AWS's own policies cannot be read here, so a role that has one is an error. */
function noManaged(role: Placed): never[] {
  const policies = listOf(role.Properties['ManagedPolicyArns']);
  if (policies.length === 0) return [];
  throw new Error(`${role.id} has a managed policy: ${JSON.stringify(policies)}`);
}

function holder({ stack, id }: Placed): string {
  return `${stack}/${id}`;
}

function read(app: Synthesized, of: Placed, document: unknown, holders: string[]): Statement[] {
  const { Statement: statements } = document as { Statement: readonly RawStatement[] };
  return statements.map((raw) => {
    if ('NotAction' in raw || 'NotResource' in raw) throw new Error(`${of.id} uses a negation`);
    return {
      sid: raw.Sid ?? '',
      effect: raw.Effect,
      holders,
      actions: listOf(raw.Action).map(String),
      resources: listOf(raw.Resource).map((resource) => flatten(resource, app.templates)),
      conditions: raw.Condition ?? {},
    };
  });
}

export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

export function holderOf(role: IConstruct): string {
  const stack = Stack.of(role);
  return `${stack.stackName}/${stack.getLogicalId(role.node.defaultChild as CfnElement)}`;
}

/** The statements that let `holder` do `action` on `resource`, whatever their conditions. */
export function allowing(
  statements: readonly Statement[],
  holder: string,
  action: string,
  resource: string,
): readonly Statement[] {
  return statements.filter(
    (statement) =>
      statement.effect === 'Allow' &&
      statement.holders.includes(holder) &&
      statement.actions.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
      statement.resources.some((pattern) => matches(pattern, resource)),
  );
}

/** `*` and `?` as IAM reads them. */
export function matches(pattern: string, text: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text);
}
