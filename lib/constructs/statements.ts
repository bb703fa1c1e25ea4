/** Small parts of IAM statements that several constructs write alike. */
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

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
 * Items of the table whose partition key starts with one of these. ForAllValues is true of an empty
 * set as well, but every request these principals may make names its keys.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 */
export function onlyItems(...prefixes: readonly string[]): Record<string, unknown> {
  return {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': prefixes.map((prefix) => `${prefix}*`) },
  };
}
