/** What the fleet reads of a real table. */
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { itemOf } from '../../../core/approval/item.ts';
import { opened } from '../../../core/approval/machine.ts';
import { viewOfRequest } from '../../../core/approval/request.ts';
import { POLICY_KEY, REVOKED_KEY } from '../../../core/control.ts';
import { readControlItems, readRequestViews } from '../../../proxy/gate/table.ts';
import { NOW, nextRequestId, OPEN } from '../../support/approval_requests.ts';
import { startTable, TABLE } from '../../support/approval_table.ts';

let table: Awaited<ReturnType<typeof startTable>>;
beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.close());

const put = (Item: PutItemCommand['input']['Item']) =>
  table.client.send(new PutItemCommand({ TableName: TABLE, Item }));
const { signal } = new AbortController();

describe('the control items', () => {
  test('before anything was published or revoked', async () => {
    const read = readControlItems(table.client, TABLE);
    expect(await read(signal)).toEqual({ policyVersion: null, revocations: [] });
  });

  test('as they were written', async () => {
    const revocations = [{ kind: 'principal', id: 'mallory', until: NOW }];
    await put({ ...POLICY_KEY, version: { S: 'v1' } });
    await put({ ...REVOKED_KEY, revocations: { S: JSON.stringify(revocations) } });
    const read = readControlItems(table.client, TABLE);
    expect(await read(signal)).toEqual({ policyVersion: 'v1', revocations });
  });

  test('a list that is no JSON is a failed poll, and not an empty list', async () => {
    await put({ ...REVOKED_KEY, revocations: { S: '[' } });
    await expect(readControlItems(table.client, TABLE)(signal)).rejects.toThrow();
  });
});

describe('requests', () => {
  const open = async (unknown: readonly string[] = []) => {
    const facts = { ...OPEN.facts, unknown };
    const request = opened({ ...OPEN, id: nextRequestId(), facts }, NOW);
    await put({ ...itemOf(request), sealedText: { B: new Uint8Array([1]) } });
    return request;
  };

  test('those that exist, more than one call takes', async () => {
    const requests = await Promise.all(Array.from({ length: 103 }, () => open()));
    const ids = [...requests.map(({ id }) => id), nextRequestId()];
    const views = await readRequestViews(table.client, TABLE)(ids);
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
    expect(views.toSorted(byId)).toEqual(requests.map(viewOfRequest).toSorted(byId));
  });

  test('more of them than one answer holds', async () => {
    const large = ['x'.repeat(100_000)];
    const requests = await Promise.all(Array.from({ length: 30 }, () => open(large)));
    const views = await readRequestViews(table.client, TABLE)(requests.map(({ id }) => id));
    expect(views).toHaveLength(30);
  });

  test('a damaged one hides no other', async () => {
    const [whole, damaged] = [await open(), await open()];
    await put({ ...itemOf(damaged), progress: { S: '{' } });
    const views = await readRequestViews(table.client, TABLE)([damaged.id, whole.id]);
    expect(views.map(({ id }) => id)).toEqual([whole.id]);
  });
});
