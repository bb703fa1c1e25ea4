/**
 * A request as one DynamoDB item, and back.
 *
 * What a condition compares is an attribute of its own; the rest is JSON. The sealed statement, its
 * wrapped key, the task token and the card's address live on the same item and are none of a view's:
 * a reader that is not functions/approvals asks for `VIEW_ATTRIBUTES` only, and IAM can hold it to that
 * (`dynamodb:Attributes`).
 */
import * as v from 'valibot';
import type { RequestId } from '../brand.ts';
import { GatewayError } from '../errors.ts';
import { RequestStatus, type RequestView } from '../wire/approvals.ts';
import { type ApprovalRequest, isTerminal, Question, Standing, viewOfRequest } from './request.ts';

/** DynamoDB's attribute values, as far as items here use them. The SDK's own type is one of these. */
export interface Attribute {
  readonly S?: string | undefined;
  readonly N?: string | undefined;
  readonly B?: Uint8Array | undefined;
}
export type Item = Readonly<Record<string, Attribute>>;

/** Days that an ended request stays readable before DynamoDB drops it: the archive keeps the record. */
const KEEP_ENDED_DAYS = 30;

export const REQUEST_PK_PREFIX = 'REQ#';

export function requestKey(id: RequestId): { pk: { S: string }; sk: { S: string } } {
  return { pk: { S: `${REQUEST_PK_PREFIX}${id}` }, sk: { S: 'STATE' } };
}

/** All that `viewOf` needs. `status` is a reserved word, so a projection aliases every one of them. */
export const VIEW_ATTRIBUTES = [
  'pk',
  'sk',
  'revision',
  'status',
  'expiresAt',
  'leaseUntil',
  'question',
  'progress',
] as const;

/** For GetItem and BatchGetItem: `{...VIEW_PROJECTION}` beside the key. */
export const VIEW_PROJECTION = {
  ProjectionExpression: VIEW_ATTRIBUTES.map((name) => `#${name}`).join(', '),
  ExpressionAttributeNames: Object.fromEntries(VIEW_ATTRIBUTES.map((name) => [`#${name}`, name])),
};

const Progress = v.pick(Standing, ['votes', 'viewings', 'decidedAt', 'ending', 'outcome']);

/** The attributes that a transition writes: everything but the key and the question. */
export function standingAttributes(request: ApprovalRequest): Record<string, Attribute> {
  const { votes, viewings, decidedAt, ending, outcome } = request;
  return {
    revision: { N: String(request.revision) },
    status: { S: request.status },
    expiresAt: { N: String(request.expiresAt) },
    leaseUntil: { N: String(request.leaseUntil) },
    progress: { S: JSON.stringify({ votes, viewings, decidedAt, ending, outcome }) },
    ...(isTerminal(request.status) ? { ttl: { N: String(ttlOf(request)) } } : {}),
  };
}

/** Seconds since 1970, as DynamoDB's TTL wants it. */
function ttlOf(request: ApprovalRequest): number {
  return Math.ceil((request.decidedAt ?? request.expiresAt) / 1000) + KEEP_ENDED_DAYS * 24 * 3600;
}

export function itemOf(request: ApprovalRequest): Record<string, Attribute> {
  const question = Object.fromEntries(
    Object.keys(Question.entries).map((key) => [key, request[key as keyof Question]]),
  );
  return {
    ...requestKey(request.id),
    ...standingAttributes(request),
    question: { S: JSON.stringify(question) },
  };
}

/** Throws ERR_ARCHIVE_CORRUPT for an item that these functions did not write: it is never guessed at. */
export function requestOf(item: Item): ApprovalRequest {
  try {
    const question = v.parse(Question, JSON.parse(text(item, 'question')));
    const progress = v.parse(Progress, JSON.parse(text(item, 'progress')));
    const standing = v.parse(Standing, {
      ...progress,
      status: v.parse(RequestStatus, text(item, 'status')),
      expiresAt: number(item, 'expiresAt'),
      leaseUntil: number(item, 'leaseUntil'),
      revision: number(item, 'revision'),
    });
    return { ...question, ...standing };
  } catch (cause) {
    // A damaged item must stop whoever reads it: half a request cannot be judged.
    throw new GatewayError(
      'ERR_ARCHIVE_CORRUPT',
      `Cannot read the approval request ${item['pk']?.S ?? '(no key)'}`,
      { hint: 'The item was changed by something else, or written by another version', cause },
    );
  }
}

export function viewOf(item: Item): RequestView {
  return viewOfRequest(requestOf(item));
}

function text(item: Item, name: string): string {
  const value = item[name]?.S;
  if (value === undefined) throw new Error(`The attribute ${name} is missing`);
  return value;
}

function number(item: Item, name: string): number {
  const value = item[name]?.N;
  if (value === undefined) throw new Error(`The attribute ${name} is missing`);
  return Number(value);
}
