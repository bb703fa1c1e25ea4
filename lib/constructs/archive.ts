/** Takes events off the stream and writes them as evidence: it can add, and nothing else. */
import { Duration } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kinesis from 'aws-cdk-lib/aws-kinesis';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledgeWildcard } from '../acknowledge.ts';
import { Handler } from './handler.ts';
import { onlyThrough } from './statements.ts';

/** Where Lambda puts a failed batch. https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html */
const REJECTED = 'aws/lambda/*';

export interface ArchiveProps {
  readonly stream: kinesis.IStream;
  readonly evidence: s3.IBucket;
  readonly rejects: s3.IBucket;
  readonly dataKey: kms.IKey;
}

export class Archive extends Construct {
  readonly handler: Handler;
  readonly source: lambda.EventSourceMapping;

  constructor(scope: Construct, id: string, props: ArchiveProps) {
    super(scope, id);
    const { stream, evidence, rejects, dataKey } = props;
    const written = ['recordings/*', 'events/*', 'quarantine/*'].map((prefix) =>
      evidence.arnForObjects(prefix),
    );
    const rejected = rejects.arnForObjects(REJECTED);
    for (const resource of [...written, rejected]) {
      acknowledgeWildcard(this, resource, 'Object keys are not known beforehand; the prefix is.');
    }
    this.handler = new Handler(this, 'Handler', {
      bundle: 'archive',
      description: 'Sallyport archive: events to segments and Parquet',
      timeout: Duration.minutes(2),
      memoryMiB: 1024,
      environment: { ARCHIVE_BUCKET: evidence.bucketName },
      statements: [
        new iam.PolicyStatement({
          sid: 'ReadTheStream',
          actions: [
            'kinesis:DescribeStream',
            'kinesis:DescribeStreamSummary',
            'kinesis:GetRecords',
            'kinesis:GetShardIterator',
            'kinesis:ListShards',
          ],
          resources: [stream.streamArn],
        }),
        new iam.PolicyStatement({
          sid: 'AddEvidence',
          actions: ['s3:PutObject'],
          resources: written,
        }),
        ...keepRejects(rejects),
        new iam.PolicyStatement({
          sid: 'StreamAndEvidenceAtRest',
          actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
          resources: [dataKey.keyArn],
          conditions: onlyThrough(this, 'kinesis', 's3'),
        }),
      ],
    });
    // The L2 event source would grant reading every stream's list; this one grants nothing.
    this.source = new lambda.EventSourceMapping(this, 'Source', {
      target: this.handler.function,
      eventSourceArn: stream.streamArn,
      startingPosition: lambda.StartingPosition.TRIM_HORIZON,
      batchSize: 500,
      // What an analyst may wait for; longer windows make fewer, larger files.
      maxBatchingWindow: Duration.seconds(5),
      // One at a time for each shard: a session's events stay in order.
      parallelizationFactor: 1,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      retryAttempts: 10,
      metricsConfig: { metrics: [lambda.MetricType.EVENT_COUNT] },
    });
    const mapping = this.source.node.defaultChild as lambda.CfnEventSourceMapping;
    // A bucket is given the batch itself. A queue would get a pointer into a stream that forgets.
    // https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    mapping.destinationConfig = { onFailure: { destination: rejects.bucketArn } };
  }
}

function keepRejects(rejects: s3.IBucket): iam.PolicyStatement[] {
  return [
    new iam.PolicyStatement({
      sid: 'KeepRejectedBatches',
      actions: ['s3:PutObject'],
      resources: [rejects.arnForObjects(REJECTED)],
    }),
    // Lambda checks the bucket of a destination with it.
    new iam.PolicyStatement({
      sid: 'FindTheRejectsBucket',
      actions: ['s3:ListBucket'],
      resources: [rejects.bucketArn],
    }),
  ];
}
