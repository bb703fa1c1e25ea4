/** Small parts of IAM statements that several constructs write alike. */
import { Stack } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { REQUEST_PK_PREFIX } from '../../core/approval/item.ts';

/**
 * A key may be used through these services only, on this principal's behalf, never directly.
 * https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
 */
export function onlyThrough(
  scope: Construct,
  ...services: readonly string[]
): Record<string, unknown> {
  const { region } = Stack.of(scope);
  return {
    StringEquals: {
      'kms:ViaService': services.map((service) => `${service}.${region}.amazonaws.com`),
    },
  };
}

/**
 * Items of the table whose partition key is like one of these. ForAllValues is true of an empty set as
 * well, but every request that these actions make names its keys.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 */
export function onlyItems(...keys: readonly string[]): Record<string, unknown> {
  return { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...keys] } };
}

/** Approval requests, and no other item of the table. */
export function requestStatement(
  table: dynamodb.ITableV2,
  ...operations: readonly ('GetItem' | 'PutItem' | 'UpdateItem')[]
): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'Requests',
    actions: operations.map((operation) => `dynamodb:${operation}`),
    resources: [table.tableArn],
    conditions: onlyItems(`${REQUEST_PK_PREFIX}*`),
  });
}

/** Tells a waiting workflow that its request has changed. It reads the table then: nothing is decided here. */
export function wakeStatement(stateMachineArn: string): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'WakeTheWorkflow',
    actions: ['states:SendTaskSuccess'],
    resources: [stateMachineArn],
  });
}

export function slackSecretStatement(secret: secretsmanager.ISecret): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'SlackCredentials',
    actions: ['secretsmanager:GetSecretValue'],
    resources: [secret.secretArn],
  });
}
