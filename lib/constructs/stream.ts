/** Events on their way from the fleet to the archive, in order by session. */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

export interface EventStreamProps {
  readonly key: kms.IKey;
}

export class EventStream extends Construct {
  readonly stream: kinesis.Stream;

  constructor(scope: Construct, id: string, props: EventStreamProps) {
    super(scope, id);
    this.stream = new kinesis.Stream(this, 'Stream', {
      // One shard takes 1 MiB or 1,000 records a second, and the recorder puts many events in one record.
      // https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
      streamMode: kinesis.StreamMode.PROVISIONED,
      shardCount: 1,
      // A broken archive function must be repairable after a long weekend, with nothing lost.
      retentionPeriod: Duration.days(7),
      encryption: kinesis.StreamEncryption.KMS,
      encryptionKey: props.key,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-KDS3',
      reason:
        'Encrypted with the key of the evidence, so that one key policy covers events in every place.',
    });
  }
}
