import { describe, expect, test } from 'vitest';
import { signature, verified } from '../../../functions/slack/ingress.ts';
import { NOW } from '../../support/approval_requests.ts';

const SECRET = 'signing-secret';
const PAYLOAD = { type: 'block_actions', note: 'naïve ✓' };
const FORM = new URLSearchParams({ payload: JSON.stringify(PAYLOAD) }).toString();
const NOW_SECONDS = NOW / 1000;

interface Sent {
  body?: string;
  seconds?: number | string;
  secret?: string;
  contentType?: string;
  base64?: boolean;
  tamper?: (event: Record<string, unknown>) => unknown;
}

function event({ body = FORM, seconds = NOW_SECONDS, secret = SECRET, ...rest }: Sent): unknown {
  const { contentType = 'application/x-www-form-urlencoded', base64 = false, tamper } = rest;
  const sent = {
    version: '2.0',
    requestContext: { http: { method: 'POST' } },
    headers: {
      'Content-Type': contentType,
      'X-Slack-Request-Timestamp': String(seconds),
      'X-Slack-Signature': signature(Buffer.from(body), String(seconds), secret),
    },
    body: base64 ? Buffer.from(body).toString('base64') : body,
    isBase64Encoded: base64,
  };
  return tamper === undefined ? sent : tamper(sent);
}

describe('verified', () => {
  const GOOD: readonly [string, Sent][] = [
    ['a form', {}],
    ['a base64 form', { base64: true }],
    ['a form with a charset', { contentType: 'application/x-www-form-urlencoded; charset=utf-8' }],
    ['JSON', { body: JSON.stringify(PAYLOAD), contentType: 'application/json' }],
    [
      'base64 JSON',
      { body: JSON.stringify(PAYLOAD), contentType: 'application/json', base64: true },
    ],
    ['five minutes late', { seconds: NOW_SECONDS - 300 }],
    ['five minutes early', { seconds: NOW_SECONDS + 300 }],
  ];
  test.each(GOOD)('reads %s', (_name, sent) => {
    expect(verified(event(sent), SECRET, NOW)).toEqual(PAYLOAD);
  });

  const BAD: readonly [string, Sent][] = [
    ['another secret', { secret: 'guess' }],
    ['a changed body', { tamper: (e) => ({ ...e, body: `${FORM}x` }) }],
    ['a body said to be base64', { tamper: (e) => ({ ...e, isBase64Encoded: true }) }],
    ['a stale one', { seconds: NOW_SECONDS - 301 }],
    ['one from the future', { seconds: NOW_SECONDS + 301 }],
    ['a time that is none', { seconds: '1e9' }],
    ['an empty time', { seconds: '' }],
    ['a negative time', { seconds: '-5' }],
    ['no headers', { tamper: (e) => ({ ...e, headers: {} }) }],
    ['no header object', { tamper: ({ headers: _headers, ...e }) => e }],
    ['no body', { tamper: ({ body: _body, ...e }) => e }],
    ['a GET', { tamper: (e) => ({ ...e, requestContext: { http: { method: 'GET' } } }) }],
    ['malformed JSON in the form', { body: 'payload=%7B' }],
    ['a form without a payload', { body: 'token=1' }],
    ['malformed JSON', { body: '{', contentType: 'application/json' }],
    ['another content type', { contentType: 'text/plain' }],
    ['too much', { body: `payload=${'x'.repeat(300_000)}` }],
    ['nothing at all', { tamper: () => null }],
  ];
  test.each(BAD)('refuses %s', (_name, sent) => {
    expect(verified(event(sent), SECRET, NOW)).toBeNull();
  });

  test('refuses everything where there is no secret', () => {
    expect(verified(event({ secret: '' }), '', NOW)).toBeNull();
  });
});
