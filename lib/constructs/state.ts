/** The one table: approval requests, grants, revocations, identity links, the policy version. */
import { RemovalPolicy } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';

export class State extends Construct {
  readonly table: dynamodb.ITableV2;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    // No name of its own: a kept table with a name would block the next install.
    this.table = new dynamodb.TableV2(this, 'Table', {
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      // Only tidies up: every reader compares expiry by itself.
      timeToLiveAttribute: 'ttl',
      billing: dynamodb.Billing.onDemand(),
      // Under aws/dynamodb no caller needs a right of its own to the key.
      encryption: dynamodb.TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    }) as dynamodb.ITableV2;
  }
}
