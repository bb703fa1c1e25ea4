/** The page in a real browser, on the screen of a phone: with its policy against foreign scripts in force. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLocalApprovals } from '../../support/local_approvals.ts';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env['CHROMIUM'] ?? PATHS.find((path) => existsSync(path));
/** A directory to leave screenshots in, for whoever wants to look. */
const SCREENSHOTS = process.env['SCREENSHOTS'];
const why = executablePath === undefined ? ' (skipped: no Chromium here, CHROMIUM names one)' : '';

describe.skipIf(executablePath === undefined)(`in a real browser${why}`, () => {
  let local: Awaited<ReturnType<typeof startLocalApprovals>>;
  let browser: Browser;
  const problems: string[] = [];
  beforeAll(async () => {
    local = await startLocalApprovals();
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      // Chromium has no sandbox for root, as whom containers run; it opens this page alone.
      args: ['--no-sandbox'],
    });
  }, 30_000);
  afterAll(async () => {
    await browser.close();
    await local.close();
  });

  async function phone(subject: string): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(local.url);
    await page.getByRole('button', { name: subject }).click();
    return page;
  }
  const picture = async (page: Page, name: string) => {
    if (SCREENSHOTS !== undefined) {
      await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
    }
  };

  test('a card arrives by itself, is approved, and says so by itself', async () => {
    const page = await phone('bob');
    await page.getByText('Nothing is waiting').waitFor();
    const id = await local.open();
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    await picture(page, 'card');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('It runs now').waitFor();
    expect(await local.status(id)).toBe('approved');
    await picture(page, 'approved');
  });

  test('a denial asks why, in a modal that a keyboard reaches', async () => {
    const page = await phone('dave');
    const id = await local.open();
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByRole('dialog').waitFor();
    await page.getByLabel('Why? The requester is told.').fill('Not during the sale');
    await picture(page, 'deny');
    await page.getByRole('dialog').getByRole('button', { name: 'Deny' }).click();
    await page.getByText('Denied by dave: Not during the sale').waitFor();
    expect(await local.status(id)).toBe('denied');
  });

  test('a masked statement is read whole on its page, then approved there', async () => {
    const page = await phone('bob');
    const id = await local.open({
      statement: "update customers set email = 'x@y.example' where id = 7",
      shown: {
        text: 'update customers set email = **** where id = 7',
        parameters: [],
        complete: false,
      },
    });
    await page.getByRole('link', { name: 'Open the page' }).click();
    await page.getByRole('button', { name: 'Show the whole statement' }).waitFor();
    await picture(page, 'page-masked');
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Show the whole statement' }).click();
    await page.getByText("email = 'x@y.example'").waitFor();
    await picture(page, 'page-whole');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('bob read the whole statement').waitFor();
    expect(await local.status(id)).toBe('approved');
  });

  test('nothing on it was blocked, threw, or ran off the side', async () => {
    const page = await phone('carol');
    const sideways = 'document.documentElement.scrollWidth > window.innerWidth';
    expect(await page.evaluate(sideways)).toBe(false);
    expect(problems).toEqual([]);
  });
});
