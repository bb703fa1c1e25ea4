/** The approval requests over DynamoDB: every write conditional, every loser told the truth. */
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { opened, step } from '../../core/approval/machine.ts';
import { makeStore, type Store } from '../../functions/approvals/store.ts';
import { tableDefinition } from '../../local/dynamodb.ts';
import { NOW, nextRequestId, OPEN } from '../support/approval_requests.ts';
import { describeAdapter, fresh } from './endpoint.ts';

const SEALED = { text: new Uint8Array([1, 2, 3]), wrappedKey: new Uint8Array([4, 5]) };

describeAdapter('approvals store over DynamoDB', () => {
  let client: DynamoDBClient;
  let store: Store;

  beforeAll(async () => {
    client = new DynamoDBClient({});
    const TableName = fresh('sallyport');
    await client.send(new CreateTableCommand(tableDefinition(TableName)));
    await waitUntilTableExists({ client, maxWaitTime: 60 }, { TableName });
    store = makeStore(client, TableName);
  });
  afterAll(() => client.destroy());

  const open = async () => {
    const request = opened({ ...OPEN, id: nextRequestId() }, NOW);
    expect(await store.open(request, SEALED)).toBe('opened');
    return request;
  };
  const withdraw = { kind: 'withdraw', reason: 'gone' } as const;

  it('reads back what was opened, with its seal, and opens once', async () => {
    const request = await open();
    expect(await store.read(request.id)).toEqual(request);
    expect(await store.sealed(request.id)).toEqual(SEALED);
    expect(await store.open(request, SEALED)).toBe('exists');
    expect(await store.read(nextRequestId())).toBeNull();
  });

  it('destroys the seal in the write that ends the request', async () => {
    const { id } = await open();
    const ended = await store.advance(id, (request) => step(request, withdraw, NOW));
    expect(ended).toMatchObject({ changed: true, request: { status: 'withdrawn' } });
    expect(await store.sealed(id)).toBeNull();
  });

  it('lets one of ten racing writers win; the others see what it did', async () => {
    const { id } = await open();
    const results = await Promise.all(
      Array.from({ length: 10 }, () =>
        store.advance(id, (request) => step(request, withdraw, NOW)),
      ),
    );
    expect(results.filter((result) => result?.changed)).toHaveLength(1);
    expect(results.map((result) => result?.request.status)).toEqual(
      Array.from({ length: 10 }, () => 'withdrawn'),
    );
  });

  it('keeps the task token and the card apart from the request', async () => {
    const request = await open();
    await store.keepTaskToken(request.id, 'token');
    await store.keepCard(request.id, { channel: 'C1', ts: '1.2' });
    expect(await store.handles(request.id)).toEqual({
      taskToken: 'token',
      card: { channel: 'C1', ts: '1.2' },
    });
    expect(await store.read(request.id)).toEqual(request);
    await expect(store.keepTaskToken(nextRequestId(), 'token')).rejects.toThrow();
  });
});
