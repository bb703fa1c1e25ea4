/** The gateway as `cdk deploy` would see it, once for each test file. */
import { readFileSync } from 'node:fs';
import { App, type AppProps, type Stack } from 'aws-cdk-lib';
import { AccessGateway } from '../../../lib/access_gateway.ts';
import { type GatewayConfigInput, parseConfig } from '../../../lib/config.ts';
import { config as shipped } from '../../../sallyport.config.ts';

export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: string;
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown }>>;
}

export interface Synthesized {
  readonly gateway: AccessGateway;
  /** By the name of the stack, as in `sallyport-data`. */
  readonly templates: ReadonlyMap<string, Template>;
}

/** An app that knows the feature flags of cdk.json: without the CLI nobody else reads them. */
export function makeApp(props: AppProps = {}): App {
  const { context } = JSON.parse(readFileSync('cdk.json', 'utf8')) as {
    context: Record<string, unknown>;
  };
  return new App({
    // 5 s of CPU; nag.test.ts has it on.
    builtinCloudFormationValidation: false,
    ...props,
    context: { ...context, ...props.context },
  });
}

export function makeGateway(app: App, overrides: Partial<GatewayConfigInput> = {}): AccessGateway {
  const config = parseConfig({ ...shipped, ...overrides });
  return new AccessGateway(app, config.name, { config });
}

export function synthesize(overrides: Partial<GatewayConfigInput> = {}): Synthesized {
  const app = makeApp();
  const gateway = makeGateway(app, overrides);
  const assembly = app.synth();
  const templates = new Map(
    assembly.stacks.map((stack) => [stack.stackName, stack.template as Template]),
  );
  return { gateway, templates };
}

/** Every resource of one type in all stacks, with the stack it is in. */
export function resourcesOf(
  { templates }: Synthesized,
  type: string,
): readonly (Resource & { readonly id: string; readonly stack: string })[] {
  return [...templates].flatMap(([stack, { Resources }]) =>
    Object.entries(Resources)
      .filter(([, resource]) => resource.Type === type)
      .map(([id, resource]) => ({ ...resource, id, stack })),
  );
}

/**
 * A template value as one line: references as `<Id.Attribute>`, those to another stack followed to
 * what it publishes. Two values are the same resource when their lines are equal.
 */
export function flatten(value: unknown, templates: Synthesized['templates']): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, operand] = ['', null]] = Object.entries(value) as [string, unknown][];
  switch (name) {
    case 'Ref':
      return `<${String(operand)}>`;
    case 'Fn::GetAtt':
      return `<${(operand as string[]).join('.')}>`;
    case 'Fn::Join': {
      const [separator, parts] = operand as [string, unknown[]];
      return parts.map((part) => flatten(part, templates)).join(separator);
    }
    case 'Fn::GetStackOutput': {
      const { StackName, OutputName } = operand as { StackName: string; OutputName: string };
      return flatten(templates.get(StackName)?.Outputs[OutputName]?.Value, templates);
    }
    default:
      return JSON.stringify(value);
  }
}

/** The same line for something that a construct knows, as in `bucket.bucketArn`. */
export function lineOf(stack: Stack, value: string, { templates }: Synthesized): string {
  return flatten(stack.resolve(value), templates);
}
