/** `sallyport verify` over an archive that the real handlers wrote and signed, and what was done to it. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../../bin/cli.ts';
import { verifyCommand } from '../../../bin/commands/verify.ts';
import { EpochMs } from '../../../core/brand.ts';
import { recordingPrefix } from '../../../core/recording/segment.ts';
import { makeHandler as makeDigester } from '../../../functions/archive/digest.ts';
import { sha256Native } from '../../../functions/archive/sha256.ts';
import { makeArchiveDirectory } from '../../../local/archive_directory.ts';
import {
  ALICE,
  chained,
  commandRecord,
  outcome,
  sessionId,
  sessionStart,
} from '../../support/archive.ts';
import { writeArchive } from '../../support/archive_writer.ts';

const NOW = Date.now();
const ended = sessionId(NOW - 60_000);
const open = sessionId(NOW - 30_000, 1);
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let home: string;
let archive: string;
let publicKey: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'sallyport-verify-'));
  archive = path.join(home, 'archive');
  publicKey = path.join(home, 'digests.pem');
  await writeFile(publicKey, key.publicKey.export({ type: 'spki', format: 'pem' }));
  const record = commandRecord(ended, 1);
  const first = chained(ended, ALICE, [
    { at: NOW - 60_000, body: sessionStart(ALICE) },
    { at: NOW - 59_000, body: { kind: 'command.intent', record } },
    { at: NOW - 58_000, body: { kind: 'command.result', record, outcome: outcome() } },
    { at: NOW - 57_000, body: { kind: 'session.end', reason: 'client closed', commands: 1 } },
  ]);
  const second = chained(open, ALICE, [{ at: NOW - 30_000, body: sessionStart(ALICE) }]);
  await writeArchive(archive, [first.slice(0, 2), [...first.slice(2), ...second]]);
  await digest();
});
afterAll(() => rm(home, { recursive: true }));

async function digest(): Promise<void> {
  const silent = { info: () => {}, warn: () => {}, error: () => {} };
  await makeDigester({
    archive: makeArchiveDirectory(archive),
    signer: {
      sign: async (text) => ({
        signature: sign('sha256', Buffer.from(text), key.privateKey),
        keyId: 'test',
      }),
    },
    sha256: sha256Native,
    now: () => v.parse(EpochMs, Date.now()),
    log: silent,
    signsEmpty: true,
  })({});
}

async function cli(...args: string[]) {
  const said = { status: 0, out: '', err: '' };
  const io = {
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
    root: '/nowhere',
    env: {},
  };
  said.status = await runCli(['verify', ...args], { commands: [verifyCommand], version: '0', io });
  return said;
}

/** What verify says of a copy after something was done to it. */
async function after(spoil: (copy: string) => Promise<void>, ...args: string[]) {
  const copy = await mkdtemp(path.join(home, 'copy-'));
  await cp(archive, copy, { recursive: true, preserveTimestamps: true });
  await spoil(copy);
  return cli('--archive', copy, '--public-key', publicKey, ...args);
}

const folder = (copy: string) => path.join(copy, recordingPrefix(ended));
const segments = async (copy: string) =>
  (await readdir(folder(copy))).filter((name) => name.endsWith('.zst')).sort();

test('an untouched archive: nothing to say, and the open session is no finding', async () => {
  const { status, out, err } = await after(async () => {});
  expect([err, status]).toEqual(['', 0]);
  expect(out).toMatch(
    /^Nothing speaks against this archive\.\n {2}5 events in 2 sessions, 1 of them open\n/,
  );
  expect(out).toMatch(/\n {2}1 digest \(the newest of [^)]+ UTC\) over \d objects$/);
});

test('a segment gone, and its events', async () => {
  const { status, out } = await after(async (copy) => {
    const [name = ''] = await segments(copy);
    await rm(path.join(folder(copy), name));
  });
  expect(status).toBe(1);
  expect(out).toMatch(/^object-missing: .*recordings\/.*000000000-000000001-/m);
  expect(out).toMatch(/^event-dropped: Events 0 to 1 are missing \(ses_\S+, event 0/m);
  expect(out).toMatch(/\d findings: this archive is not as it was written\./);
});

test('an object that nobody signed, with a name that would fool a terminal', async () => {
  const { status, out } = await after(async (copy) => {
    await writeFile(path.join(folder(copy), 'x\u001b[2J.ndjson.zst'), 'x');
  });
  expect(status).toBe(1);
  expect(out).toMatch(/x<U\+001B>\[2J\.ndjson\.zst/);
  expect(out).not.toMatch(/[^\P{C}\n]/u);
});

test('--json is the whole report', async () => {
  const { status, out } = await after(
    (copy) => rm(path.join(folder(copy), 'manifest.json')),
    '--json',
  );
  const report = JSON.parse(out);
  expect(status).toBe(1);
  expect(report.findings.map(({ kind }: { kind: string }) => kind)).toEqual(
    expect.arrayContaining(['object-missing', 'manifest-missing']),
  );
  expect(report.sessions).toMatchObject({ open: 1 });
});

test('the signatures of another key are none', async () => {
  const other = path.join(home, 'other.pem');
  const { publicKey: pem } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(other, pem.export({ type: 'spki', format: 'pem' }));
  const { status, out } = await cli('--archive', archive, '--public-key', other);
  expect(status).toBe(1);
  expect(out).toMatch(/^digest-invalid: /m);
});

test('what it cannot do, it says', async () => {
  const cases: readonly [readonly string[], number, RegExp][] = [
    [['--archive', archive], 2, /^Say whose signatures count: --public-key FILE\. See/],
    [
      ['--archive', archive, '--public-key', '/nowhere.pem'],
      1,
      /^Cannot read the public key "\/now/,
    ],
    [['--archive', archive, '--public-key', '/etc/hostname'], 1, /^Not a public key of digests/],
    [['--archive', '/nowhere/at/all', '--public-key', publicKey], 1, /there is no such directory/],
    [['everything'], 2, /./],
  ];
  for (const [args, status, err] of cases) {
    const said = await cli(...args);
    expect(said.err).toMatch(err);
    expect(said.status).toBe(status);
  }
});
