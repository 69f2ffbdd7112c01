/** The web page under a path of its host, through a real Chromium: its files, its requests, its own addresses. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ServerProcess } from './server-process.ts';
import { launchChromium, openTab } from './web-browser.ts';

test('signs in, takes a file, moves between its pages and loads them anew', async () => {
  const key = 'a-key-of-enough-length';
  const env = { HOLDFAST_BASE_PATH: '/media', HOLDFAST_API_KEYS: `ana:${key}`, HOLDFAST_RESERVE_MB: '0' };
  await using server = await ServerProcess.start({ env, args: ['--no-pipeline'] });
  const browser = await launchChromium();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-web-'));
  try {
    const outside: string[] = [];
    await using tab = await openTab(browser, `${server.url}/media/`);
    const { page } = tab;
    page.on('request', (request) => {
      const { pathname } = new URL(request.url());
      if (!pathname.startsWith('/media/')) outside.push(pathname);
    });
    await page.getByLabel(/key/i).fill(key);
    await page.keyboard.press('Enter');
    const main = page.locator('main');
    await main.getByText('Nothing here yet').first().waitFor();
    const file = join(dir, 'notes.txt');
    await writeFile(file, 'A few words about the sea.');
    await page.locator('input[type=file]').setInputFiles([file]);
    await main
      .getByRole('link', { name: /notes\.txt/ })
      .first()
      .click();
    await page.waitForURL(/\/media\/assets\/[0-9a-f]{64}$/);
    await page.reload();
    const download = main.locator('a[download]').first();
    await download.waitFor();
    expect(await download.getAttribute('href')).toMatch(/^\/media\/v1\/assets\/[0-9a-f]{64}\/content/);
    expect(await page.locator('.skip-link').getAttribute('href')).toMatch(/^\/media\/assets\/[0-9a-f]{64}#main$/);
    await page.getByRole('link', { name: 'Activity' }).first().click();
    await page.waitForURL(/\/media\/activity$/);
    await main
      .getByText(/completed/i)
      .first()
      .waitFor();
    expect(outside).toEqual([]);
    expect(tab.problems).toEqual([]);
  } finally {
    await browser.close();
    await rm(dir, { recursive: true, force: true });
  }
});
