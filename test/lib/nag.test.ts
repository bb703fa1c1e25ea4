/** cdk-nag's AwsSolutions and CloudFormation's own rules find nothing that has no reason beside it. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, Stack, Validations } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { makeApp, makeGateway } from './support/synth.ts';

function check(build: (app: App) => void): () => unknown {
  const app = makeApp({
    builtinCloudFormationValidation: true,
    outdir: mkdtempSync(join(tmpdir(), 'sallyport-nag-')),
  });
  build(app);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return () => app.synth();
}

function reasonsBelow(construct: IConstruct): readonly string[] {
  const own = construct.node.metadata
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.entries(data as Record<string, string>))
    .filter(([id]) => id.includes('AwsSolutions'))
    .map(([, reason]) => reason);
  return [...own, ...construct.node.children.flatMap(reasonsBelow)];
}

describe('cdk-nag and the built-in rules', () => {
  it('find nothing in a new network', () => {
    expect(check((app) => void makeGateway(app))).not.toThrow();
  });

  it('find nothing in a network that exists', () => {
    const network = {
      kind: 'existing' as const,
      vpcId: 'vpc-0123456789abcdef0',
      availabilityZones: ['eu-west-1a', 'eu-west-1b'],
      privateSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      allowFrom: ['10.0.0.0/8'],
      targetsIn: ['10.1.0.0/16'],
    };
    const environment = { account: '111122223333', region: 'eu-west-1' };
    expect(check((app) => void makeGateway(app, { network, environment }))).not.toThrow();
  });

  it('fails on a bucket that has no reason', () => {
    const synth = check((app) => void new s3.Bucket(new Stack(app, 'Plain'), 'Bucket'));
    const [, write] = [console.error, console.error];
    console.error = () => undefined;
    try {
      expect(synth).toThrow();
    } finally {
      console.error = write;
    }
  });

  it('every acknowledgement says why', () => {
    const app = makeApp();
    const gateway = makeGateway(app);
    app.synth();
    const reasons = reasonsBelow(gateway);
    expect(reasons.length).toBeGreaterThan(10);
    for (const reason of reasons) expect(reason).toMatch(/\w+ \w+ \w+.*[.]$/);
  });
});

it('the CLI is version 2: 3.0.0 is a broken publish that cannot read the assembly', () => {
  const { version } = JSON.parse(readFileSync('node_modules/aws-cdk/package.json', 'utf8')) as {
    version: string;
  };
  expect(version).toMatch(/^2\./);
});
