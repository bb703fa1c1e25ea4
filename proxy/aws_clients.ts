/**
 * The SDK's clients of one process, each with its own patience: a client on the way of a command gives up
 * early and is asked again by whoever knows whether twice is harmless. Connections are kept alive, which
 * is the SDK's default. Region, credentials and endpoints come from the environment, as everywhere in AWS.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { APPROVALS_DEADLINE_MS } from './gate/lambda_call.ts';
import { makeKinesisClient } from './recorder/kinesis_stream.ts';

/** TCP and TLS inside one region take a few milliseconds; more is a connection that will not come. */
const CONNECT_MS = 1_000;
/** A read of the table is worth nothing after the next poll, which comes within a second or two. */
const TABLE_MS = 1_500;
const SECRETS_MS = 2_500;
/** Requests at once: questions about commands of as many sessions, each waiting for a cold start. */
const LAMBDA_SOCKETS = 256;

export interface AwsClients {
  readonly dynamodb: DynamoDBClient;
  readonly kinesis: KinesisClient;
  readonly lambda: LambdaClient;
  readonly secrets: SecretsManagerClient;
  readonly destroy: () => void;
}

export function makeAwsClients(): AwsClients {
  const within = (requestTimeout: number) => ({
    connectionTimeout: CONNECT_MS,
    requestTimeout,
    throwOnRequestTimeout: true,
  });
  const clients = {
    dynamodb: new DynamoDBClient({ maxAttempts: 2, requestHandler: within(TABLE_MS) }),
    kinesis: makeKinesisClient(),
    // Once: `consume` must not be sent twice, and the gate itself asks twice where that is harmless.
    lambda: new LambdaClient({
      maxAttempts: 1,
      requestHandler: {
        ...within(APPROVALS_DEADLINE_MS),
        httpsAgent: { keepAlive: true, maxSockets: LAMBDA_SOCKETS },
      },
    }),
    secrets: new SecretsManagerClient({ maxAttempts: 2, requestHandler: within(SECRETS_MS) }),
  };
  return {
    ...clients,
    destroy: () => {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}
