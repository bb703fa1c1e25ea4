/** What the fleet reads of the DynamoDB table: the control items, and requests as views. It writes nothing. */
import {
  type AttributeValue,
  BatchGetItemCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { type Item, requestKey, VIEW_PROJECTION, viewOf } from '../../core/approval/item.ts';
import type { RequestId } from '../../core/brand.ts';
import { POLICY_KEY, REVOKED_KEY } from '../../core/control.ts';
import type { RequestView } from '../../core/wire/approvals.ts';
import type { ControlSource } from './control.ts';

/** BatchGetItem takes no more (DynamoDB API reference). */
const BATCH_MAX = 100;
/** One answer holds 16 MB and names what it left out: a batch of the largest items (400 KB) takes three. */
const ROUNDS_MAX = 4;

/** `POLICY/CURRENT` has `version`; `REVOKED#ALL/LIST` has `revocations`, JSON. Either may be missing. */
export function readControlItems(client: DynamoDBClient, table: string): ControlSource {
  return async (signal) => {
    const answer = await client.send(
      new BatchGetItemCommand({
        RequestItems: { [table]: { Keys: [POLICY_KEY, REVOKED_KEY], ConsistentRead: true } },
      }),
      { abortSignal: signal },
    );
    if ((answer.UnprocessedKeys?.[table]?.Keys?.length ?? 0) > 0) throw new Error('Throttled');
    const items = answer.Responses?.[table] ?? [];
    const policy = items.find((item) => item['pk']?.S === POLICY_KEY.pk.S);
    const revoked = items.find((item) => item['pk']?.S === REVOKED_KEY.pk.S);
    return {
      policyVersion: policy?.['version']?.S ?? null,
      revocations: JSON.parse(revoked?.['revocations']?.S ?? '[]') as unknown,
    };
  };
}

type KeyList = readonly Record<string, AttributeValue>[];

/** Views of the requests that exist and can be read, in no particular order. */
export function readRequestViews(
  client: DynamoDBClient,
  table: string,
): (ids: readonly RequestId[]) => Promise<readonly RequestView[]> {
  return async (ids) => {
    const views: RequestView[] = [];
    for (let from = 0; from < ids.length; from += BATCH_MAX) {
      let left: KeyList = ids.slice(from, from + BATCH_MAX).map(requestKey);
      for (let round = 0; left.length > 0 && round < ROUNDS_MAX; round += 1) {
        const wanted = { Keys: [...left], ConsistentRead: true, ...VIEW_PROJECTION };
        const answer = await client.send(
          new BatchGetItemCommand({ RequestItems: { [table]: wanted } }),
        );
        for (const item of answer.Responses?.[table] ?? []) views.push(...viewIfWhole(item));
        // What is still left after the last round is read by the next poll: the wait goes on until then.
        left = answer.UnprocessedKeys?.[table]?.Keys ?? [];
      }
    }
    return views;
  };
}

function viewIfWhole(item: Item): readonly RequestView[] {
  try {
    return [viewOf(item)];
  } catch {
    // One damaged request must not hide the others. Whoever waits for it never sees it, and gives up.
    return [];
  }
}
