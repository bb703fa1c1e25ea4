/** Judges commands. It reads policies that are part of its own bundle, so its role is its log alone. */
import { Duration } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { Handler } from './handler.ts';

export class Decide extends Construct {
  readonly handler: Handler;
  /** What the fleet invokes: moving it back is the rollback of a bad policy. */
  readonly live: lambda.Alias;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.handler = new Handler(this, 'Handler', {
      bundle: 'decide',
      description: 'Sallyport decide: may this principal run this command?',
      // The gate stops waiting after 2 s and denies.
      timeout: Duration.seconds(3),
      // A whole vCPU: a cold start compiles Cedar, and a person waits for it.
      memoryMiB: 1769,
      environment: { POLICIES_DIRECTORY: 'policies' },
      statements: [],
    });
    this.live = new lambda.Alias(this, 'Live', {
      aliasName: 'live',
      // The cast: CDK's classes and interfaces differ under exactOptionalPropertyTypes, here and below lib/.
      version: this.handler.function.currentVersion as lambda.IVersion,
    });
  }
}
