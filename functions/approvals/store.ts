/**
 * Requests in DynamoDB: one item each, single-item conditional writes only.
 *
 * A transition is read, stepped by core/approval/machine, and written on the condition that nobody else
 * wrote since (`revision`). Whoever loses the race reads again and steps the new truth, which then gives
 * the reason; so the machine is the one place that says what may happen. Names are aliased throughout,
 * because `status` and `ttl` are reserved words, and new ones may come.
 */
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  itemOf,
  REQUEST_PK_PREFIX,
  requestKey,
  requestOf,
  standingAttributes,
  VIEW_PROJECTION,
} from '../../core/approval/item.ts';
import type { Step } from '../../core/approval/machine.ts';
import { type ApprovalRequest, isTerminal } from '../../core/approval/request.ts';
import type { RequestId } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Sealed } from './seal.ts';

/** Rounds of read, step and write before giving up. Each lost round means that another write succeeded. */
const ROUNDS_MAX = 20;
/** Largest item written: DynamoDB's own limit is 400 KB, with names, and a request grows by its votes. */
const ITEM_BYTES_MAX = 350_000;
/** Pages of 1 MB that a listing reads at most. */
const LIST_PAGES_MAX = 20;

/** Gone from the item in the same write that ends the request. */
const SEAL_ATTRIBUTES = ['sealedText', 'sealedKey'] as const;

/** What the workflow needs beside the request; never part of a view. */
export interface Handles {
  readonly taskToken: string | null;
  readonly card: { readonly channel: string; readonly ts: string } | null;
}

export type Opened = 'opened' | 'exists' | 'too-large';

export interface Store {
  readonly open: (request: ApprovalRequest, sealed: Sealed) => Promise<Opened>;
  readonly read: (id: RequestId) => Promise<ApprovalRequest | null>;
  /** Null where there is no such request. `changed` tells whether this call wrote. */
  readonly advance: (
    id: RequestId,
    step: (request: ApprovalRequest) => Step,
  ) => Promise<(Step & { readonly changed: boolean }) | null>;
  /** The sealed statement, while it exists. */
  readonly sealed: (id: RequestId) => Promise<Sealed | null>;
  readonly handles: (id: RequestId) => Promise<Handles>;
  readonly keepTaskToken: (id: RequestId, token: string) => Promise<void>;
  readonly keepCard: (id: RequestId, card: NonNullable<Handles['card']>) => Promise<void>;
  /** Every request still in the table, newest first. */
  readonly list: () => Promise<readonly ApprovalRequest[]>;
}

interface Table {
  readonly client: Pick<DynamoDBClient, 'send'>;
  readonly name: string;
  readonly damaged: (error: unknown) => void;
}

/** @param damaged told of every item that a listing cannot read, and leaves out */
export function makeStore(
  client: Pick<DynamoDBClient, 'send'>,
  tableName: string,
  damaged: (error: unknown) => void = () => {},
): Store {
  const table: Table = { client, name: tableName, damaged };
  return {
    open: async (request, sealed) => open(table, request, sealed),
    read: async (id) => read(table, id),
    advance: async (id, step) => advance(table, id, step),
    sealed: async (id) => readSealed(table, id),
    handles: async (id) => readHandles(table, id),
    keepTaskToken: async (id, token) => keep(table, id, { taskToken: { S: token } }),
    keepCard: async (id, { channel, ts }) =>
      keep(table, id, { cardChannel: { S: channel }, cardTs: { S: ts } }),
    list: async () => list(table),
  };
}

async function open(table: Table, request: ApprovalRequest, sealed: Sealed): Promise<Opened> {
  const Item = {
    ...itemOf(request),
    sealedText: { B: sealed.text },
    sealedKey: { B: sealed.wrappedKey },
  };
  if (sizeOf(Item) > ITEM_BYTES_MAX) return 'too-large';
  try {
    await table.client.send(
      new PutItemCommand({
        TableName: table.name,
        Item: marshalled(Item),
        ConditionExpression: 'attribute_not_exists(#pk)',
        ExpressionAttributeNames: { '#pk': 'pk' },
      }),
    );
    return 'opened';
  } catch (error) {
    // A repeated open, after its first answer was lost: the caller compares what is there.
    if (error instanceof ConditionalCheckFailedException) return 'exists';
    throw unavailable('open', error);
  }
}

async function read(table: Table, id: RequestId): Promise<ApprovalRequest | null> {
  const found = await get(table, id, VIEW_PROJECTION);
  return found === null ? null : requestOf(found);
}

async function advance(
  table: Table,
  id: RequestId,
  step: (request: ApprovalRequest) => Step,
): Promise<(Step & { changed: boolean }) | null> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const before = await read(table, id);
    if (before === null) return null;
    const result = step(before);
    if (result.request.revision === before.revision) return { ...result, changed: false };
    if (await replace(table, before, result.request)) return { ...result, changed: true };
  }
  throw new GatewayError(
    'ERR_APPROVALS_UNAVAILABLE',
    `Cannot write to the request ${id}: others wrote first, ${ROUNDS_MAX} times`,
    { hint: 'Try again' },
  );
}

/** False where another write came first. */
async function replace(
  table: Table,
  before: ApprovalRequest,
  after: ApprovalRequest,
): Promise<boolean> {
  const attributes = standingAttributes(after);
  const names = Object.keys(attributes);
  const removed = isTerminal(after.status) ? SEAL_ATTRIBUTES : [];
  const set = `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`;
  const remove = removed.length > 0 ? ` REMOVE ${removed.map((n) => `#${n}`).join(', ')}` : '';
  try {
    await table.client.send(
      new UpdateItemCommand({
        TableName: table.name,
        Key: requestKey(before.id),
        UpdateExpression: set + remove,
        ConditionExpression: '#revision = :before',
        ExpressionAttributeNames: aliases([...names, ...removed]),
        ExpressionAttributeValues: {
          ...Object.fromEntries(
            Object.entries(marshalled(attributes)).map(([name, value]) => [`:${name}`, value]),
          ),
          ':before': { N: String(before.revision) },
        },
      }),
    );
    return true;
  } catch (error) {
    // Lost the race: the next round reads, consistently, what won it.
    if (error instanceof ConditionalCheckFailedException) return false;
    throw unavailable('write', error);
  }
}

async function readSealed(table: Table, id: RequestId): Promise<Sealed | null> {
  const found = await get(table, id, projection(SEAL_ATTRIBUTES));
  const text = found?.['sealedText']?.B;
  const wrappedKey = found?.['sealedKey']?.B;
  return text === undefined || wrappedKey === undefined ? null : { text, wrappedKey };
}

async function readHandles(table: Table, id: RequestId): Promise<Handles> {
  const found = await get(table, id, projection(['taskToken', 'cardChannel', 'cardTs']));
  const channel = found?.['cardChannel']?.S;
  const ts = found?.['cardTs']?.S;
  return {
    taskToken: found?.['taskToken']?.S ?? null,
    card: channel === undefined || ts === undefined ? null : { channel, ts },
  };
}

/** Sets handles: they are none of the machine's, so its revision stays. */
async function keep(
  table: Table,
  id: RequestId,
  attributes: Readonly<Record<string, { readonly S: string }>>,
): Promise<void> {
  const names = Object.keys(attributes);
  try {
    await table.client.send(
      new UpdateItemCommand({
        TableName: table.name,
        Key: requestKey(id),
        UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
        ConditionExpression: 'attribute_exists(#pk)',
        ExpressionAttributeNames: aliases([...names, 'pk']),
        ExpressionAttributeValues: Object.fromEntries(
          Object.entries(attributes).map(([name, value]) => [`:${name}`, value]),
        ),
      }),
    );
  } catch (error) {
    throw unavailable('write', error);
  }
}

async function list(table: Table): Promise<readonly ApprovalRequest[]> {
  const found: ApprovalRequest[] = [];
  let from: Record<string, unknown> | undefined;
  for (let page = 0; page < LIST_PAGES_MAX; page += 1) {
    const answer = await table.client
      .send(
        new ScanCommand({
          TableName: table.name,
          ConsistentRead: true,
          FilterExpression: 'begins_with(#pk, :prefix)',
          ...VIEW_PROJECTION,
          ExpressionAttributeValues: { ':prefix': { S: REQUEST_PK_PREFIX } },
          ...(from === undefined ? {} : { ExclusiveStartKey: from as never }),
        }),
      )
      .catch((error: unknown) => {
        throw unavailable('list', error);
      });
    found.push(...(answer.Items ?? []).flatMap((item) => readable(table, item)));
    from = answer.LastEvaluatedKey;
    if (from === undefined) break;
  }
  return found.sort((a, b) => b.requestedAt - a.requestedAt || (a.id < b.id ? 1 : -1));
}

/** One damaged item hides itself, and not the others with it. */
function readable(table: Table, item: Parameters<typeof requestOf>[0]): ApprovalRequest[] {
  try {
    return [requestOf(item)];
  } catch (error) {
    // Said aloud, and left out: it can be read by its id, which fails with the same words.
    table.damaged(error);
    return [];
  }
}

async function get(
  table: Table,
  id: RequestId,
  projected: { ProjectionExpression: string; ExpressionAttributeNames: Record<string, string> },
) {
  try {
    const answer = await table.client.send(
      new GetItemCommand({
        TableName: table.name,
        Key: requestKey(id),
        ConsistentRead: true,
        ...projected,
      }),
    );
    return answer.Item ?? null;
  } catch (error) {
    throw unavailable('read', error);
  }
}

function projection(names: readonly string[]) {
  return {
    ProjectionExpression: names.map((name) => `#${name}`).join(', '),
    ExpressionAttributeNames: aliases(names),
  };
}

function aliases(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`#${name}`, name]));
}

type Plain = Readonly<
  Record<string, { S?: string | undefined; N?: string | undefined; B?: Uint8Array | undefined }>
>;

/** Core's attributes are the SDK's, which only spells its union more strictly. */
function marshalled(attributes: Plain) {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { S, N, B }]) => {
      if (S !== undefined) return [name, { S }];
      return [name, N === undefined ? { B: B ?? new Uint8Array() } : { N }];
    }),
  );
}

function sizeOf(attributes: Plain): number {
  return Object.entries(attributes).reduce((total, [name, { S, N, B }]) => {
    return total + name.length + Buffer.byteLength(S ?? N ?? '') + (B?.length ?? 0);
  }, 0);
}

function unavailable(what: string, cause: unknown): GatewayError {
  return new GatewayError('ERR_APPROVALS_UNAVAILABLE', `Cannot ${what} approval requests`, {
    hint: 'The table did not answer: nothing was granted, try again',
    cause,
  });
}
