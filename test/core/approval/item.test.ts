import { describe, expect, test } from 'vitest';
import { itemOf, requestOf, VIEW_ATTRIBUTES, viewOf } from '../../../core/approval/item.ts';
import type { ApprovalRequest } from '../../../core/approval/request.ts';
import { GatewayError } from '../../../core/errors.ts';
import { at, NOW, REQUEST, REQUESTED } from '../../support/approval_requests.ts';

const DENIED: ApprovalRequest = {
  ...REQUESTED,
  status: 'denied',
  decidedAt: at(NOW + 5),
  ending: 'Denied by bob: not today',
  revision: 2,
  votes: [
    { voter: 'bob', answer: 'deny', reason: 'not today', via: 'cli', at: NOW, groups: ['dba'] },
  ],
  viewings: [{ viewer: 'bob', at: NOW }],
};

describe('item', () => {
  test.each([
    ['an open request', REQUESTED],
    ['an ended request', DENIED],
  ])('%s comes back as it was written', (_name, request) => {
    expect(requestOf(itemOf(request))).toEqual(request);
  });

  test('is found by its id', () => {
    expect(itemOf(REQUESTED)).toMatchObject({ pk: { S: `REQ#${REQUEST}` }, sk: { S: 'STATE' } });
  });

  test('is dropped by DynamoDB only once it has ended', () => {
    expect(itemOf(REQUESTED)['ttl']).toBeUndefined();
    expect(Number(itemOf(DENIED)['ttl']?.N)).toBeGreaterThan(NOW / 1000);
  });

  test('a view reads the view’s attributes alone', () => {
    const item = itemOf(DENIED);
    const projected = Object.fromEntries(VIEW_ATTRIBUTES.map((name) => [name, item[name] ?? {}]));
    expect(viewOf(projected)).toEqual(viewOf(item));
  });

  test('a view names the requester and holds no binding', () => {
    const view = viewOf(itemOf(REQUESTED));
    expect(view.requester).toBe('alice');
    expect(Object.keys(view)).not.toContain('binding');
  });

  test.each([
    ['an unknown status', { status: { S: 'granted' } }],
    ['a question that is not JSON', { question: { S: '{' } }],
    ['a question with a field more', { question: { S: '{"admin":true}' } }],
    ['a revision that is none', { revision: { S: '1' } }],
    ['no progress', { progress: {} }],
  ])('%s is an error that names the item', (_name, damage) => {
    const read = () => requestOf({ ...itemOf(REQUESTED), ...damage });
    expect(read).toThrow(GatewayError);
    expect(read).toThrow(REQUEST);
  });
});
