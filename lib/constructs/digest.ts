/** Signs, once an hour, the list of everything the archive received: what is signed it cannot change. */
import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledgeWildcard } from '../acknowledge.ts';
import { Handler } from './handler.ts';
import { onlyThrough } from './statements.ts';

export interface DigestProps {
  readonly bucket: s3.IBucket;
  readonly dataKey: kms.IKey;
  readonly digestKey: kms.IKey;
}

export class Digest extends Construct {
  readonly handler: Handler;

  constructor(scope: Construct, id: string, props: DigestProps) {
    super(scope, id);
    const { bucket, dataKey, digestKey } = props;
    const prefixes = ['recordings/*', 'events/*', 'quarantine/*', 'digests/*'];
    const read = prefixes.map((prefix) => bucket.arnForObjects(prefix));
    for (const resource of read) {
      acknowledgeWildcard(this, resource, 'It signs all that was written under the prefix.');
    }
    this.handler = new Handler(this, 'Handler', {
      bundle: 'digest',
      description: 'Sallyport digest: signs the hourly list of evidence',
      timeout: Duration.minutes(10),
      memoryMiB: 1024,
      environment: { ARCHIVE_BUCKET: bucket.bucketName, DIGEST_KEY_ID: digestKey.keyArn },
      statements: [
        new iam.PolicyStatement({
          sid: 'ListEvidence',
          actions: ['s3:ListBucket', 's3:ListBucketVersions'],
          resources: [bucket.bucketArn],
        }),
        new iam.PolicyStatement({
          sid: 'ReadEvidence',
          actions: ['s3:GetObject'],
          resources: read,
        }),
        new iam.PolicyStatement({
          sid: 'WriteDigests',
          actions: ['s3:PutObject'],
          resources: [bucket.arnForObjects('digests/*')],
        }),
        new iam.PolicyStatement({
          sid: 'EvidenceAtRest',
          actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
          resources: [dataKey.keyArn],
          conditions: onlyThrough(this, 's3'),
        }),
        new iam.PolicyStatement({
          sid: 'Sign',
          actions: ['kms:Sign', 'kms:GetPublicKey'],
          resources: [digestKey.keyArn],
        }),
      ],
    });
    new events.Rule(this, 'Hourly', {
      description: 'Sallyport: sign the digest of the hour that has ended',
      // Ten minutes past: late batches of the hour have arrived by then.
      schedule: events.Schedule.cron({ minute: '10' }),
      targets: [new targets.LambdaFunction(this.handler.function, { retryAttempts: 5 })],
    });
  }
}
