/** C19, D4, D5: the page about processing in a real Chromium against a real server and its pipeline. Needs the build (`tsc -b`, `vite build apps/web`). */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunList, Upload } from '@holdfast/protocol';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ServerProcess } from './server-process.ts';
import { expectAccessible, launchChromium, openTab, picture, picturesOnly } from './web-browser.ts';

const patience = { timeout: 30_000 };
let browser: Browser;
let folder: string;

beforeAll(async () => {
  [browser, folder] = await Promise.all([launchChromium(), mkdtemp(join(tmpdir(), 'holdfast-processing-'))]);
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true });
const part = (page: Page, title: string) =>
  page.locator('section').filter({ has: page.getByRole('heading', { name: title, exact: true }) });

async function send(server: ServerProcess, filename: string, bytes: Buffer): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const wish = { filename, size: bytes.length, contentType: 'video/mp4', chunkSize: 64 * 1024 * 1024 };
  const created = await fetch(`${server.url}/v1/uploads`, { method: 'POST', headers, body: JSON.stringify(wish) });
  const { id } = (await created.json()) as Upload;
  const sent = await fetch(`${server.url}/v1/uploads/${id}/chunks/0`, { method: 'PUT', body: new Uint8Array(bytes) });
  expect(sent.status).toBe(200);
  expect((await fetch(`${server.url}/v1/uploads/${id}/complete`, { method: 'POST' })).status).toBe(200);
}

async function runsIn(server: ServerProcess, state: string): Promise<string[]> {
  const answer = await fetch(`${server.url}/v1/runs?state=${state}`);
  return ((await answer.json()) as RunList).items.map((run) => run.assetName).toSorted();
}

/** How far things moved that nobody touched (Layout Instability API), over the life of the page. */
function shifts(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let sum = 0;
        const observer = new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[])
            if (!entry.hadRecentInput) sum += entry.value;
        });
        observer.observe({ type: 'layout-shift', buffered: true });
        requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
      }),
  );
}

async function film(): Promise<Buffer> {
  const file = join(folder, 'film.mp4');
  const source = ['-f', 'lavfi', '-t', '60', '-i', 'testsrc2=s=640x360:r=25'];
  await promisify(execFile)('ffmpeg', ['-v', 'error', ...source, '-c:v', 'libx264', '-preset', 'ultrafast', file]);
  return await readFile(file);
}

test('shows what runs, waits and failed, live, and lets people pause, cancel and try again', async () => {
  await using server = await ServerProcess.start({ env: { HOLDFAST_RESERVE_MB: '0' } });
  for (const name of ['interview.mp4', 'lecture 2.mp4', 'take 7.mp4'])
    await send(server, name, Buffer.from(`${name} is none`));
  await expect.poll(() => runsIn(server, 'failed'), patience).toHaveLength(3);
  await using tab = await openTab(browser, `${server.url}/processing`);
  const { page } = tab;

  const failed = part(page, 'Failed');
  await failed.getByText('the file is at fault').first().waitFor();
  await part(page, 'Waits').getByText('Nothing waits.').waitFor();
  await expectAccessible(page);
  await button(page, 'Pause class media').click();
  await part(page, 'Classes').getByText('paused by anonymous').waitFor();
  await send(server, 'harbour at dawn.mp4', await film());
  await part(page, 'Waits')
    .getByText(/class media is paused/)
    .first()
    .waitFor(patience);
  await part(page, 'Waits')
    .getByRole('button', { name: /^Show \d+ more$/ })
    .click();
  await part(page, 'Waits').getByText('waits for scan_video', { exact: true }).first().waitFor();
  await button(page, 'Show the next ones only').click();
  await failed
    .getByRole('button', { name: /^Show files that failed/ })
    .first()
    .click();
  await failed.getByRole('button', { name: 'Show output of interview.mp4' }).click();
  await failed.locator('.output').filter({ hasText: 'Invalid data found' }).first().waitFor();
  await expectAccessible(page);
  await button(page, 'Resume class media').click();

  const progress = part(page, 'Runs now')
    .getByRole('progressbar', { name: /harbour at dawn/ })
    .first();
  const percent = async () => Number(await progress.getAttribute('aria-valuenow').catch(() => '0'));
  await expect.poll(percent, patience).toBeGreaterThan(0);
  await page.evaluate(() => window.scrollTo(0, 0));
  await picture(page, 'processing');
  await button(page, 'Cancel processing of harbour at dawn.mp4').first().click();
  await expect.poll(() => runsIn(server, 'cancelled'), patience).toEqual(['harbour at dawn.mp4']);
  await expect.poll(() => page.locator('.week > div').nth(2).innerText(), patience).toMatch(/Cancelled\s+1\s/);

  expect(await shifts(page)).toBeLessThan(0.05);
  await button(page, 'Retry interview.mp4').click();
  await expect.poll(() => page.locator('[aria-live]').first().innerText()).toMatch(/interview.mp4 is done again/);
  await expect.poll(() => runsIn(server, 'failed'), patience).toHaveLength(3);
  await button(page, 'Retry all').click();
  await expect.poll(() => runsIn(server, 'failed'), patience).toHaveLength(3);
  expect(tab.problems).toEqual([]);

  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'dark' } as const;
  await using small = await openTab(browser, `${server.url}/processing`, phone);
  await part(small.page, 'Failed').getByText('the file is at fault').first().waitFor();
  const wide = await small.page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(wide).toBeLessThanOrEqual(0);
  const free = part(small.page, 'Runs now').getByRole('listitem').filter({ hasText: 'free' });
  for (const place of await free.all()) expect(await place.getByRole('code').isVisible()).toBe(true);
  expect(await free.count()).toBeGreaterThan(0);
  await expectAccessible(small.page);
  await picture(small.page, 'processing-phone');
  expect(small.problems).toEqual([]);
  for (const colorScheme of picturesOnly(['dark'] as const)) {
    await using dark = await openTab(browser, `${server.url}/processing`, { colorScheme });
    await part(dark.page, 'Failed').getByText('the file is at fault').first().waitFor();
    await picture(dark.page, 'processing-dark');
  }
});
