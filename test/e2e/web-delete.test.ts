/** Deleting on the page, in a real Chromium against a real server. Needs the build (`tsc -b`, `vite build apps/web`). */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AssetList, SearchResults } from '@holdfast/protocol';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { someMedia } from '../../packages/server/test/watch-bench.ts';
import { ServerProcess } from './server-process.ts';
import { expectAccessible, launchChromium, openTab } from './web-browser.ts';

let browser: Browser;
let folder: string;
let server: ServerProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-web-delete-'));
  await mkdir(join(folder, 'in'));
  await writeFile(join(folder, 'in', 'lies here.mp4'), someMedia(50_000));
  const watch = [{ path: join(folder, 'in'), take: 'in-place', settleSeconds: 0.05, principal: 'anonymous' }];
  const engines = { HOLDFAST_SPEECH_ENGINE: 'none', HOLDFAST_TEXT_ENGINE: 'none' };
  const env = { HOLDFAST_RESERVE_MB: '0', HOLDFAST_WATCH: JSON.stringify(watch), ...engines };
  [browser, server] = await Promise.all([launchChromium(), ServerProcess.start({ env })]);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const button = (within: Page | Locator, name: string) => within.getByRole('button', { name, exact: true });
const card = (page: Page, name: string) => page.locator('.card').getByRole('link', { name, exact: true });
const hasFocus = (one: Locator) => one.evaluate((element) => element === document.activeElement);

/** Sends it by the page and opens it there; resolves to its id. */
async function sendAndOpen(page: Page, name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  await page.getByLabel('Files to upload').setInputFiles(path);
  const row = page.locator('.upload').filter({ hasText: name });
  await row.getByText('Stored and verified').waitFor();
  await row.getByRole('link', { name }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  return createHash('sha256').update(text).digest('hex');
}

async function found(id: string): Promise<{ listed: boolean; found: boolean; status: number }> {
  const ask = async <T>(path: string) => (await (await fetch(`${server.url}${path}`)).json()) as T;
  const { items } = await ask<AssetList>('/v1/assets');
  const hits = await ask<SearchResults>('/v1/search?q=harbour');
  const { status } = await fetch(`${server.url}/v1/assets/${id}/content`);
  return {
    listed: items.some((asset) => asset.id === id),
    found: hits.items.some((hit) => hit.assetId === id),
    status,
  };
}

test('with the keyboard alone a file is kept, then deleted, and is nowhere any more', async () => {
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await sendAndOpen(page, 'pier.txt', 'pier');
  await page.goBack();
  const id = await sendAndOpen(page, 'harbour.txt', 'harbour');
  const ask = button(page.locator('main'), 'Delete');
  await ask.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Delete “harbour.txt”?' });
  await dialog.getByText('deleted for good').waitFor();
  expect(await hasFocus(button(dialog, 'Keep'))).toBe(true);
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  expect(await hasFocus(ask)).toBe(true);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'hidden' });
  await expect.poll(() => found(id)).toEqual({ listed: true, found: true, status: 200 });

  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  expect(await hasFocus(button(dialog, 'Delete'))).toBe(true);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${server.url}/`);
  expect(await found(id)).toEqual({ listed: false, found: false, status: 404 });
  await page.locator('.upload-note').getByText('“harbour.txt” is deleted.').waitFor();
  await page.locator('[role=status][aria-live=polite]').getByText('“harbour.txt” is deleted.').waitFor();
  await card(page, 'pier.txt').waitFor();
  expect(await card(page, 'harbour.txt').count()).toBe(0);
  // What was sent is not “Stored and verified” any more.
  await page.locator('.upload').filter({ hasText: 'harbour.txt' }).waitFor({ state: 'detached' });
  expect(await page.locator('.upload').count()).toBe(1);
  await page.getByRole('searchbox').fill('harbour');
  await page.getByText('Nothing here has “harbour” in its name.').waitFor();
  await page.goBack();
  await card(page, 'pier.txt').waitFor();

  await page.goto(`${server.url}/assets/${id}`);
  await page.getByRole('heading', { name: 'This file is not here (any more)' }).waitFor();
  await page.getByRole('link', { name: 'Go to the library' }).click();
  // The browser does not take it for sent.
  await sendAndOpen(page, 'harbour.txt', 'harbour');
  expect(await found(id)).toMatchObject({ listed: true, status: 200 });
  expect(tab.problems).toEqual([]);
});

test('why a file cannot be deleted is said where it was asked', async () => {
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await card(page, 'lies here.mp4').click();
  await button(page.locator('main'), 'Delete').click();
  const dialog = page.getByRole('dialog');
  await button(dialog, 'Delete').click();
  await dialog.getByRole('alert').getByText('delete it there').waitFor();
  await button(dialog, 'Keep').click();
  await page.getByRole('heading', { level: 1, name: 'lies here.mp4' }).waitFor();
  await button(page.locator('main'), 'Delete').click();
  expect(await dialog.getByRole('alert').count()).toBe(0);
  expect(await readFile(join(folder, 'in', 'lies here.mp4'))).toHaveLength(50_000);
  expect(tab.problems).toEqual([]);
});

test('while it is being deleted nothing else can be pressed, and who went back sees it go', async () => {
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  const held = Promise.withResolvers<void>();
  await page.route('**/v1/assets/*', async (route) => {
    if (route.request().method() === 'DELETE') await held.promise;
    await route.continue();
  });
  await sendAndOpen(page, 'quay.txt', 'quay');
  await page.goto(`${server.url}/?q=quay`);
  await card(page, 'quay.txt').click();
  await button(page.locator('main'), 'Delete').click();
  const dialog = page.getByRole('dialog');
  await button(dialog, 'Delete').click();
  await button(dialog, 'Deleting …').waitFor();
  await button(dialog, 'Keep').click({ force: true });
  await page.keyboard.press('Escape');
  expect(await dialog.isVisible()).toBe(true);
  await page.goBack();
  await card(page, 'quay.txt').waitFor();
  held.resolve();
  await page.getByText('Nothing here has “quay” in its name.').waitFor();
  await page.locator('.upload-note').getByText('“quay.txt” is deleted.').waitFor();
  expect(new URL(page.url()).search).toBe('?q=quay');
  expect(tab.problems).toEqual([]);
});
