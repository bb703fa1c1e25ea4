/** The replay page: one file, without a network, in which hostile text stays text. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../../bin/cli.ts';
import { replayCommand } from '../../../bin/commands/replay.ts';
import {
  ALICE,
  chained,
  commandRecord,
  outcome,
  sessionId,
  sessionStart,
} from '../../support/archive.ts';
import { writeArchive } from '../../support/archive_writer.ts';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env['CHROMIUM'] ?? PATHS.find((file) => existsSync(file));
/** A directory to leave screenshots in, for whoever wants to look. */
const SCREENSHOTS = process.env['SCREENSHOTS'];
const why = executablePath === undefined ? ' (skipped: no Chromium here, CHROMIUM names one)' : '';

const T0 = Date.parse('2026-11-23T10:00:00Z');
const session = sessionId(T0);
const HOSTILE = [
  `select '</script><script>document.title = "owned"</script>'`,
  `<!--<script> <img src=x onerror="document.title = 'owned'">`,
  'union select \u202e\u2028 1',
].join('\n');
const COMMANDS = 40;

let directory: string;
let file: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sallyport-page-'));
  file = path.join(directory, 'session.html');
  const bodies = Array.from({ length: COMMANDS }, (_, i) => {
    const statement = i === 7 ? HOSTILE : `select * from orders where id = ${i}`;
    const denied = i % 10 === 3;
    const record = commandRecord(session, i + 1, {
      statement: denied ? `drop table orders -- ${i}` : statement,
      ...(denied
        ? {
            tag: 'DROP TABLE',
            verbs: ['drop'],
            decision: 'deny',
            policies: ['no-definitions'],
            refusal: 'Definitions are changed by the dba group: ask one of them',
          }
        : {}),
    });
    const at = T0 + (i + 1) * 1000;
    return denied
      ? { at, body: { kind: 'command.refused', record } }
      : { at, body: { kind: 'command.result', record, outcome: outcome() } };
  });
  const who = { ...ALICE, principal: '</script><b>alice</b>@example.com' };
  const end = { kind: 'session.end', reason: 'client closed', commands: COMMANDS };
  await writeArchive(directory, [
    chained(session, who, [
      { at: T0, body: sessionStart(who) },
      ...bodies,
      { at: T0 + 60_000, body: end },
    ]),
  ]);
  const io = { out: () => {}, err: (text: string) => expect.fail(text), root: directory, env: {} };
  const args = ['replay', session, '--archive', directory, '--html', file];
  expect(await runCli(args, { commands: [replayCommand], version: '0', io })).toBe(0);
});
afterAll(() => rm(directory, { recursive: true }));

test('the file is for its owner alone, and names nothing outside itself', async () => {
  const page = await readFile(file, 'utf8');
  expect((await stat(file)).mode & 0o077).toBe(0);
  expect(page).not.toMatch(/https?:|\bsrc=(?!x)|\bhref=|url\(/);
  // The two scripts are the page's own, whatever the data says.
  expect(page.match(/<script/gi)).toHaveLength(2);
  expect(page.match(/<\/script/gi)).toHaveLength(2);
  expect(page).toMatch(/default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/);
});

describe.skipIf(executablePath === undefined)(`in a real browser${why}`, () => {
  let browser: Browser;
  const problems: string[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      // Chromium has no sandbox for root, as whom containers run; it opens this page alone.
      args: ['--no-sandbox'],
    });
  }, 30_000);
  afterAll(() => browser.close());

  async function open(width: number, colorScheme: 'light' | 'dark'): Promise<Page> {
    const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith('file:')) problems.push(`asked for ${request.url()}`);
    });
    await page.goto(pathToFileURL(file).href);
    await page.getByText(`${COMMANDS} of ${COMMANDS} commands`).waitFor();
    if (SCREENSHOTS !== undefined) {
      await page.screenshot({ path: path.join(SCREENSHOTS, `replay-${width}-${colorScheme}.png`) });
    }
    return page;
  }

  test('hostile text is shown as it is, and nothing of it runs', async () => {
    const page = await open(390, 'light');
    expect(await page.title()).toBe(`Session ${session}`);
    const statement = await page.locator('pre').nth(7).textContent();
    expect(statement).toBe(HOSTILE.replace('\u202e', '<U+202E>').replace('\u2028', '<U+2028>'));
    expect(await page.locator('img, b').count()).toBe(0);
    expect(problems).toEqual([]);
  });

  test('it filters as one types', async () => {
    const page = await open(1280, 'dark');
    await page.getByLabel('Filter the commands').fill('DROP TABLE');
    await page.getByText(`4 of ${COMMANDS} commands`).waitFor();
    expect(await page.locator('#entries > li:visible').count()).toBe(4);
    await page.getByLabel('Filter the commands').fill('');
    await page.getByLabel('refused or failed').check();
    await page.getByText(`4 of ${COMMANDS} commands`).waitFor();
    expect(problems).toEqual([]);
  });

  test('nothing runs off the side of a phone', async () => {
    const page = await open(390, 'dark');
    const sideways = 'document.documentElement.scrollWidth > window.innerWidth';
    expect(await page.evaluate(sideways)).toBe(false);
  });
});
