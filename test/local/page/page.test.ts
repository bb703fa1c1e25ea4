/** The page over real HTTP: who may ask it anything, and what its forms and its JSON do. */
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ASK } from '../../support/approval_requests.ts';
import { startLocalApprovals } from '../../support/local_approvals.ts';

let local: Awaited<ReturnType<typeof startLocalApprovals>>;
beforeAll(async () => {
  local = await startLocalApprovals();
});
afterAll(async () => local.close());

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Not `fetch`: that would not let a test lie about Host and Origin. */
function ask(path: string, { method = 'GET', headers = {}, body = '' }: Ask = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const sent = httpRequest(local.url + path, { method, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    },
  );
}

const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  ask(path, {
    method: 'POST',
    headers: { origin: local.url, ...headers },
    body: new URLSearchParams(form).toString(),
  });

async function cookieOf(subject: string): Promise<string> {
  const answer = await post('/who', { subject });
  return String(answer.headers['set-cookie']).split(';')[0] ?? '';
}

/** The button on the newest card, as the page shows it. */
const click = async (subject: string, action: string) => {
  const cookie = await cookieOf(subject);
  const { body } = await ask('/', { headers: { cookie } });
  const ts = /name="ts" value="([^"]+)"/.exec(body)?.[1] ?? '';
  await post('/slack/click', { ts, action }, { cookie });
  return (await ask('/', { headers: { cookie } })).body;
};

const carded = (id: string) =>
  expect.poll(async () => (await local.deps.store.handles(id as never)).card).not.toBeNull();

describe('the guard', () => {
  test.each([
    ['another host', { host: 'evil.example' }],
    ['another host with our port', { host: 'evil.example:7070' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['no origin to speak of', { origin: 'null' }],
  ])('refuses %s', async (_name, headers) => {
    for (const path of ['/', '/changes', '/api/approvals', '/slack/api/auth.test', '/style.css']) {
      expect((await ask(path, { headers })).status).toBe(403);
    }
  });

  test('refuses a form without an origin', async () => {
    const form = { method: 'POST', body: 'subject=bob' };
    expect((await ask('/who', form)).status).toBe(403);
  });

  test('asks who you are before it shows anything', async () => {
    const id = await local.open();
    const { body, headers } = await ask(`/approvals/${id}`);
    expect(body).toContain('Who are you?');
    expect(body).not.toContain('delete from');
    expect(headers['content-security-policy']).toMatch(
      /default-src 'none'.*frame-ancestors 'none'/,
    );
  });

  test('keeps its cookie from scripts and other sites', async () => {
    const answer = await post('/who', { subject: 'bob' });
    expect(String(answer.headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await post('/who', { subject: 'root' })).status).toBe(400);
  });

  test('sends nobody elsewhere', async () => {
    const answer = await post('/who', { subject: 'bob', next: '//evil.example' });
    expect(answer.headers['location']).toBe('/');
  });

  test('takes no body without an end', async () => {
    const cookie = await cookieOf('bob');
    expect((await post('/leave', { pad: 'x'.repeat(600_000) }, { cookie })).status).toBe(413);
  });
});

describe('the Slack stand-in', () => {
  test('approves through the real, signed path', async () => {
    const id = await local.open();
    await carded(id);
    expect(await click('alice', 'sallyport_approve')).toContain('somebody else has to answer');
    expect(await local.status(id)).toBe('requested');
    await click('bob', 'sallyport_approve');
    expect(await local.status(id)).toBe('approved');
  });

  test('denies with a reason, asked for in a modal', async () => {
    const id = await local.open();
    await carded(id);
    expect(await click('dave', 'sallyport_deny')).toContain('Why? The requester is told.');
    const cookie = await cookieOf('dave');
    await post('/slack/view', { reason: ' ', do: 'submit' }, { cookie });
    expect((await ask('/', { headers: { cookie } })).body).toContain('Say why');
    await post('/slack/view', { reason: 'not <b>today</b>', do: 'submit' }, { cookie });
    expect(await local.status(id)).toBe('denied');
    await expect
      .poll(async () => (await ask('/', { headers: { cookie } })).body)
      .toContain('Denied by dave: not &lt;b&gt;today&lt;/b&gt;');
  });

  test('answers as Slack does', async () => {
    const call = async (method: string, token: string) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      return (await ask(`/slack/api/${method}`, { method: 'POST', headers, body: '{}' })).body;
    };
    expect(await call('auth.test', 'wrong')).toBe('{"ok":false,"error":"invalid_auth"}');
  });
});

describe('the approval page', () => {
  const masked = {
    statement: "update customers set email = 'a@b.example'",
    shown: { text: 'update customers set email = ****', parameters: [], complete: false },
  };

  test('offers Approve only once the whole statement was read', async () => {
    const id = await local.open(masked);
    const cookie = await cookieOf('bob');
    const before = (await ask(`/approvals/${id}`, { headers: { cookie } })).body;
    expect(before).not.toContain('value="approve"');
    expect(before).not.toContain('a@b.example');
    expect((await post(`/approvals/${id}/vote`, { answer: 'approve' }, { cookie })).status).toBe(
      409,
    );
    const whole = (await post(`/approvals/${id}/statement`, {}, { cookie })).body;
    expect(whole).toContain('a@b.example');
    expect(whole).toContain('value="approve"');
    await post(`/approvals/${id}/vote`, { answer: 'approve' }, { cookie });
    expect(await local.status(id)).toBe('approved');
    const after = (await ask(`/approvals/${id}`, { headers: { cookie } })).body;
    expect(after).toContain('bob read the whole statement');
  });

  test.each(['alice', 'carol'])('shows %s no vote and no seal', async (subject) => {
    const id = await local.open(masked);
    const cookie = await cookieOf(subject);
    const { body } = await ask(`/approvals/${id}`, { headers: { cookie } });
    expect(body).not.toContain('name="answer"');
    expect((await post(`/approvals/${id}/statement`, {}, { cookie })).body).not.toContain(
      'a@b.example',
    );
  });

  test('shows a hostile statement as text', async () => {
    const text = '<script>alert(1)</script>\u202E';
    const id = await local.open({
      statement: text,
      shown: { text, parameters: [], complete: true },
    });
    const cookie = await cookieOf('bob');
    const { body } = await ask(`/approvals/${id}`, { headers: { cookie } });
    expect(body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&lt;U+202E&gt;');
  });
});

describe('the JSON', () => {
  const as = (token: string) => ({ authorization: `Bearer ${token}` });
  test('wants a good token', async () => {
    expect((await ask('/api/approvals')).status).toBe(401);
    expect((await ask('/api/approvals', { headers: as('eve') })).status).toBe(401);
    const cookie = await cookieOf('bob');
    expect((await ask('/api/approvals', { headers: { cookie } })).status).toBe(401);
  });

  test('lists, shows and answers', async () => {
    const id = await local.open({ asks: [{ ...ASK, quorum: 2 }] });
    const list = JSON.parse((await ask('/api/approvals', { headers: as('bob') })).body);
    expect(list.requests.map((r: { id: string }) => r.id)).toContain(id);
    const vote = (token: string, body: object) =>
      ask(`/api/approvals/${id}/vote`, {
        method: 'POST',
        headers: as(token),
        body: JSON.stringify(body),
      });
    expect((await vote('alice', { answer: 'approve' })).body).toContain('self-approval');
    expect((await vote('bob', { answer: 'yes' })).status).toBe(400);
    expect((await vote('bob', { answer: 'approve' })).status).toBe(200);
    expect((await vote('dave', { answer: 'deny' })).body).toContain('reason-missing');
    expect((await vote('dave', { answer: 'deny', reason: 'no' })).body).toContain('"denied"');
    expect((await ask('/api/approvals/apr_1', { headers: as('bob') })).status).toBe(404);
  });
});
