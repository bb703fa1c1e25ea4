/**
 * The buckets. Evidence is written once, kept under Object Lock, and denied to everyone who would
 * delete, overwrite or unlock it: the statements here hold against any identity policy.
 */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { RecordingsConfig } from '../config.ts';

export interface EvidenceProps {
  readonly key: kms.IKey;
  readonly recordings: RecordingsConfig;
}

export class Evidence extends Construct {
  /** recordings/, events/ and digests/: never deleted, never overwritten. */
  readonly bucket: s3.IBucket;
  /** Batches that the archive function could not take: payloads, so that nothing is lost. */
  readonly rejects: s3.IBucket;
  /** What queries write; deleted after 30 days. */
  readonly results: s3.IBucket;

  constructor(scope: Construct, id: string, props: EvidenceProps) {
    super(scope, id);
    const secure = {
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: RemovalPolicy.RETAIN,
    };
    // A bucket under Object Lock cannot receive access logs, hence one of their own under SSE-S3.
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    const logs = new s3.Bucket(this, 'AccessLogs', {
      ...secure,
      encryption: s3.BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ expiration: Duration.days(400) }],
    }) as s3.IBucket;
    Validations.of(logs).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'It receives the access logs; logging its own access would feed itself.',
    });
    const encrypted = {
      ...secure,
      encryption: s3.BucketEncryption.KMS,
      encryptionKey: props.key,
      bucketKeyEnabled: true,
      serverAccessLogsBucket: logs,
    };
    const retention = Duration.days(props.recordings.retentionDays);
    this.bucket = new s3.Bucket(this, 'Bucket', {
      ...encrypted,
      serverAccessLogsPrefix: 'evidence/',
      versioned: true,
      objectLockEnabled: true,
      objectLockDefaultRetention:
        props.recordings.lock === 'compliance'
          ? s3.ObjectLockRetention.compliance(retention)
          : s3.ObjectLockRetention.governance(retention),
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(7) }],
    }) as s3.IBucket;
    for (const statement of denials(this.bucket, props.key)) {
      this.bucket.addToResourcePolicy(statement);
    }
    this.rejects = new s3.Bucket(this, 'Rejects', {
      ...encrypted,
      serverAccessLogsPrefix: 'rejects/',
      versioned: true,
    }) as s3.IBucket;
    this.results = new s3.Bucket(this, 'Results', {
      ...encrypted,
      serverAccessLogsPrefix: 'results/',
      lifecycleRules: [{ expiration: Duration.days(30) }],
    }) as s3.IBucket;
  }
}

/** Denied to every principal, the account's administrators included. */
function denials(bucket: s3.IBucket, key: kms.IKey): iam.PolicyStatement[] {
  const objects = bucket.arnForObjects('*');
  const deny = (sid: string, actions: string[], conditions: Record<string, unknown> = {}) =>
    new iam.PolicyStatement({
      sid,
      effect: iam.Effect.DENY,
      principals: [new iam.AnyPrincipal()],
      actions,
      resources: [objects],
      conditions,
    });
  const sse = 's3:x-amz-server-side-encryption';
  return [
    deny('NobodyDeletes', ['s3:DeleteObject', 's3:DeleteObjectVersion']),
    deny('NobodyUnlocks', [
      's3:BypassGovernanceRetention',
      's3:PutObjectRetention',
      's3:PutObjectLegalHold',
    ]),
    // Writes must carry If-None-Match. The second condition leaves parts of a multipart upload alone:
    // only the request that completes it creates an object.
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    deny('NobodyOverwrites', ['s3:PutObject'], {
      Null: { 's3:if-none-match': 'true' },
      Bool: { 's3:ObjectCreationOperation': 'true' },
    }),
    // No header at all means the bucket's default, which is the right key. A negated condition is
    // true for a missing header as well, hence the second line of each.
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    deny('NoOtherEncryption', ['s3:PutObject'], {
      StringNotEquals: { [sse]: 'aws:kms' },
      Null: { [sse]: 'false' },
    }),
    deny('NoOtherKey', ['s3:PutObject'], {
      StringNotEquals: { [`${sse}-aws-kms-key-id`]: key.keyArn },
      Null: { [`${sse}-aws-kms-key-id`]: 'false' },
    }),
  ];
}
