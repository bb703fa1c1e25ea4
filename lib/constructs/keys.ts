/** The three keys. All are kept when the stack goes: what they protect outlives it. */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

export class Keys extends Construct {
  /** Encrypts evidence, the stream and the alarm topic. */
  readonly data: kms.Key;
  /** Wraps the per-request keys that seal held statements. */
  readonly seal: kms.Key;
  /** Signs the hourly digests. Its public half is all that `sallyport verify` needs. */
  readonly digest: kms.Key;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const kept = { removalPolicy: RemovalPolicy.RETAIN };
    this.data = new kms.Key(this, 'Data', {
      ...kept,
      description: 'Sallyport: evidence and events at rest',
      enableKeyRotation: true,
    });
    // An alarm cannot publish to a topic under aws/sns: CloudWatch must be let into a key of one's own.
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    this.data.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsToTheTopic',
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    this.seal = new kms.Key(this, 'Seal', {
      ...kept,
      description: 'Sallyport: the text of held statements',
      enableKeyRotation: true,
    });
    this.digest = new kms.Key(this, 'Digest', {
      ...kept,
      description: 'Sallyport: signs the digests of the archive',
      keySpec: kms.KeySpec.ECC_NIST_P256,
      keyUsage: kms.KeyUsage.SIGN_VERIFY,
    });
  }
}
