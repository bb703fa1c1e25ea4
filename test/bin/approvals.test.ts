/** The command line against a running page, with tokens of the development issuer and the real verifier. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { approvalsCommand } from '../../bin/commands/approvals.ts';
import { UsageError } from '../../bin/commands/command.ts';
import { DEVELOPMENT_AUDIENCE, mintToken, startIssuer } from '../../local/issuer.ts';
import { makeIssuerKeys } from '../../proxy/identity/keys.ts';
import { makeIdentityVerifier } from '../../proxy/identity/token.ts';
import { at } from '../support/approval_requests.ts';
import { collectLog } from '../support/approval_world.ts';
import { startLocalApprovals } from '../support/local_approvals.ts';

const root = mkdtempSync(path.join(tmpdir(), 'sallyport-cli-'));
const directory = path.join(root, 'issuer');
let issuer: Awaited<ReturnType<typeof startIssuer>>;
let local: Awaited<ReturnType<typeof startLocalApprovals>>;

beforeAll(async () => {
  issuer = await startIssuer({ directory, port: 0 });
  const clock = { now: () => at(Date.now()), monotonic: () => performance.now() };
  const keys = makeIssuerKeys({
    issuer: issuer.url,
    fetch: async (url, signal) => fetch(url, { signal }),
    clock,
    log: collectLog().log,
  });
  const verifier = makeIdentityVerifier({
    issuer: issuer.url,
    audience: DEVELOPMENT_AUDIENCE,
    groupsClaim: 'groups',
    algorithms: ['ES256'],
    clock,
    keys,
  });
  local = await startLocalApprovals({
    subjectOf: async (token) => {
      const signIn = await verifier.verify(token);
      return signIn.kind === 'verified' ? signIn.identity.principal.subject : null;
    },
  });
  const nowhere = { host: '127.0.0.1', port: 1, database: 'orders' };
  mkdirSync(path.join(root, '.sallyport'));
  writeFileSync(
    path.join(root, '.sallyport', 'local.json'),
    JSON.stringify({
      version: 1,
      pid: process.pid,
      gateway: nowhere,
      page: { url: local.url },
      issuer: { url: issuer.url, audience: DEVELOPMENT_AUDIENCE, directory },
      archive: { directory: root, publicKey: root },
      spool: { directory: root },
      dynamodb: { endpoint: 'http://127.0.0.1:1', table: 'sallyport' },
      target: nowhere,
      log: root,
    }),
  );
});
afterAll(async () => {
  await local.close();
  await issuer.close();
  rmSync(root, { recursive: true, force: true });
});

async function run(...args: string[]) {
  const printed: string[] = [];
  const print = (text: string) => {
    printed.push(text);
  };
  const status = await approvalsCommand.run(args, { out: print, err: print, root, env: {} });
  return { status, text: printed.join('\n') };
}

describe('sallyport approvals', () => {
  test('lists what waits, shows it, approves it', async () => {
    const id = await local.open();
    expect((await run('list')).text).toContain(`${id}  requested  alice  DELETE on orders`);
    expect((await run('show', id)).text).toContain('delete from orders where id = 7');
    expect(JSON.parse((await run('show', id, '--json')).text)).toMatchObject({ id });
    expect(await run('approve', id, '--as', 'bob')).toEqual({
      status: 0,
      text: `${id} is approved`,
    });
    expect((await run('list', '--all', '--json')).text).toContain(id);
  });

  test('says why it is refused, with status 1', async () => {
    const id = await local.open();
    expect(await run('approve', id, '--as', 'alice')).toMatchObject({ status: 1 });
    expect((await run('approve', id, '--as', 'carol')).text).toMatch(
      /^Refused: carol may not answer/,
    );
    expect((await run('approve', id, '--as', 'carol', '--json')).text).toContain('not-an-approver');
    expect(await run('deny', id, '--as', 'bob', '--reason', 'not today')).toMatchObject({
      status: 0,
    });
    expect((await run('approve', id, '--as', 'dave')).text).toContain('Denied by bob: not today');
    expect((await run('show', 'apr_nonsense')).status).toBe(1);
  });

  test('shows a masked statement whole to an approver, who may then approve it', async () => {
    const id = await local.open({
      statement: "update customers set email = 'x@y.example'",
      shown: { text: 'update customers set email = ****', parameters: [], complete: false },
    });
    expect((await run('approve', id, '--as', 'bob')).text).toContain('read it whole');
    expect((await run('show', id)).text).not.toContain('x@y.example');
    expect((await run('show', id, '--full', '--as', 'carol')).status).toBe(1);
    expect((await run('show', id, '--full', '--as', 'bob')).text).toContain('x@y.example');
    expect((await run('approve', id, '--as', 'bob')).status).toBe(0);
  });

  test.each([
    [[]],
    [['approve', 'apr_1']],
    [['deny', 'apr_1', '--as', 'bob']],
    [['list', '--colour']],
    [['grant', 'apr_1']],
    [['show', 'apr_1', 'apr_2']],
    [['show', 'apr_1', '--full']],
  ])('wrong usage: %j', async (args) => {
    await expect(run(...args)).rejects.toThrow(UsageError);
  });

  test.each([
    ['expired', { expiresInSeconds: -60 }],
    ['for somebody else', { audience: 'another' }],
    ['of another issuer', { issuer: 'http://127.0.0.1:1' }],
  ])('a token that is %s answers nothing', async (_name, wrong) => {
    const token = await mintToken(directory, 'bob', wrong);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${local.url}/api/approvals`, { headers })).status).toBe(401);
  });
});
