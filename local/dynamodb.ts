/** DynamoDB on one machine: dynalite behind the real SDK client, kept on disk. */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  ListTablesCommand,
} from '@aws-sdk/client-dynamodb';

/** It brings no types of its own. */
const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server;

const HOST = '127.0.0.1';
/** One table, as in the cloud: lib/constructs/state.ts. */
export const LOCAL_TABLE = 'sallyport';

export interface LocalDynamoDb {
  readonly endpoint: string;
  readonly table: string;
  readonly client: DynamoDBClient;
  readonly close: () => Promise<void>;
}

export async function startDynamoDb(directory: string): Promise<LocalDynamoDb> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const server = dynalite({ path: directory, createTableMs: 0 });
  server.listen(0, HOST);
  await once(server, 'listening');
  const endpoint = `http://${HOST}:${(server.address() as AddressInfo).port}`;
  const client = new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    // dynalite checks that there is a signature, not whose.
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  await ensureTable(client);
  return {
    endpoint,
    table: LOCAL_TABLE,
    client,
    close: async () => {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function ensureTable(client: DynamoDBClient): Promise<void> {
  const { TableNames } = await client.send(new ListTablesCommand({}));
  if (TableNames?.includes(LOCAL_TABLE)) return;
  await client.send(new CreateTableCommand(tableDefinition(LOCAL_TABLE)));
}

/** The table as lib/constructs/state.ts deploys it, for this and for tests. */
export function tableDefinition(TableName: string): CreateTableCommandInput {
  return {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
  };
}
