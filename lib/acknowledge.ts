/**
 * Reasons for the wildcards in our own statements. cdk-nag names a finding by the resource as it stands in
 * the template, and a reference to another stack gets its form only when synthesis ends; so these are
 * registered by a validation plugin that runs then, before the rules do.
 */
import {
  type IPolicyValidationPlugin,
  type PolicyValidationPluginReport,
  Stack,
  Validations,
} from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

interface Wildcard {
  readonly scope: IConstruct;
  readonly resource: string;
  readonly reason: string;
}

const byRoot = new WeakMap<IConstruct, Wildcard[]>();

/** Says why a statement below `scope` may name `resource`, which ends in a wildcard. */
export function acknowledgeWildcard(scope: IConstruct, resource: string, reason: string): void {
  const known = byRoot.get(scope.node.root) ?? [];
  byRoot.set(scope.node.root, [...known, { scope, resource, reason }]);
}

/** To be added to the app before any rule pack. Finds nothing by itself. */
export function acknowledgements(root: IConstruct): IPolicyValidationPlugin {
  return {
    name: 'SallyportAcknowledgements',
    validate: (): PolicyValidationPluginReport => {
      for (const { scope, resource, reason } of byRoot.get(root.node.root) ?? []) {
        const id = `AwsSolutions-IAM5[Resource::${flatten(Stack.of(scope).resolve(resource))}]`;
        Validations.of(scope).acknowledge({ id, reason });
      }
      return { success: true, violations: [] };
    },
  };
}

/** As cdk-nag writes a resource: the parts of a join one after the other, references as JSON. */
function flatten(resolved: unknown): string {
  if (typeof resolved === 'string') return resolved;
  const join = (resolved as { 'Fn::Join'?: readonly [string, readonly unknown[]] })['Fn::Join'];
  return join === undefined ? JSON.stringify(resolved) : join[1].map(flatten).join(join[0]);
}
