/** The web page in a real Chromium against a real server process. Needs the build (`tsc -b`, `vite build apps/web`). */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Asset, Upload, UploadList } from '@holdfast/protocol';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ServerProcess } from './server-process.ts';
import {
  expectAccessible,
  type Films,
  launchChromium,
  makeFilms,
  openTab,
  picture,
  picturesOnly,
} from './web-browser.ts';

// Nobody speaks in these films, and starting the engines to find that out takes long.
const engines = { HOLDFAST_SPEECH_ENGINE: 'none', HOLDFAST_TEXT_ENGINE: 'none' };
// Small chunks, so that there are many of them in a film of 16 MB.
const env = { HOLDFAST_MAX_CHUNK_SIZE_MB: '1', HOLDFAST_RESERVE_MB: '0', ...engines };
const slow = 1_500_000;

let browser: Browser;
let films: Films;

beforeAll(async () => {
  [browser, films] = await Promise.all([launchChromium(), makeFilms()]);
});

afterAll(async () => {
  await browser?.close();
  await films?.[Symbol.asyncDispose]();
});

const bar = (page: Page, name: string) => page.getByRole('progressbar', { name: `Upload of ${name}` });
const rowOf = (page: Page, name: string) => page.locator('.upload').filter({ hasText: name });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const pick = (page: Page, files: string[]) => page.locator('input[type=file]').setInputFiles(files);

async function percentOf(progress: Locator): Promise<number> {
  return Number(await progress.getAttribute('aria-valuenow'));
}

async function reaches(progress: Locator, percent: number): Promise<void> {
  await expect.poll(() => percentOf(progress), { timeout: 30_000, interval: 50 }).toBeGreaterThanOrEqual(percent);
}

async function shows(place: Locator, words: string, timeout = 30_000): Promise<void> {
  await place.getByText(words).first().waitFor({ timeout });
}

async function json<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  return (await answer.json()) as T;
}

test('a film arrives with progress, can be paused and resumed, and is shown with its shots and logline', async () => {
  await using server = await ServerProcess.start({ env });
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await shows(page.locator('main'), 'Nothing here yet');
  await expectAccessible(page);

  await tab.limit(slow);
  await pick(page, [films.film]);
  const progress = bar(page, 'harbour.mp4');
  await reaches(progress, 10);
  expect(await progress.getAttribute('aria-valuetext')).toMatch(/^Uploading, \d+ %, \d+ of \d+ chunks/);
  await expectAccessible(page);
  await picture(page, 'uploading');

  // The bytes go through the engine's worker, which the page's security policy allows.
  expect(page.workers()).toHaveLength(1);

  await button(page, 'Pause harbour.mp4').click();
  await shows(rowOf(page, 'harbour.mp4'), 'Paused');
  const { items } = await json<UploadList>(`${server.url}/v1/uploads`);
  await expect.poll(async () => (await json<Upload>(`${server.url}/v1/uploads/${items[0]?.id}`)).state).toBe('paused');
  await page.locator('[role=status][aria-live=polite]').getByText('is paused at').waitFor();
  const before = await json<Upload>(`${server.url}/v1/uploads/${items[0]?.id}`);
  await page.waitForTimeout(700);
  const after = await json<Upload>(`${server.url}/v1/uploads/${items[0]?.id}`);
  expect(after.receivedBytes).toBe(before.receivedBytes);

  await tab.limit(0);
  await button(page, 'Resume harbour.mp4').click();
  await shows(rowOf(page, 'harbour.mp4'), 'Stored and verified');
  await page.locator('.card').getByRole('link', { name: 'harbour.mp4' }).waitFor();
  await page.locator('.card-picture img').waitFor({ timeout: 60_000 });
  await shows(page.locator('.card'), 'A video of 6 s', 60_000);
  await expectAccessible(page);

  await page.locator('.card').getByRole('link', { name: 'harbour.mp4' }).click();
  await page.waitForURL(`**/assets/${films.sha256}`);
  await page.getByRole('heading', { level: 1 }).getByText('A video of 6 s').waitFor();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
  await expect
    .poll(() => page.locator('video').evaluate((video: HTMLVideoElement) => video.readyState))
    .toBeGreaterThan(0);
  const shots = page.getByRole('button', { name: /^Shot \d/ });
  expect(await shots.count()).toBe(3);
  await shots.nth(2).click();
  await expect
    .poll(() => page.locator('video').evaluate((video: HTMLVideoElement) => video.currentTime))
    .toBeGreaterThan(3.9);
  expect(await shots.nth(2).getAttribute('aria-current')).toBe('true');
  await shows(page.locator('.facts'), films.sha256);
  await shows(page.locator('.facts'), 'H.264');
  await page.getByRole('link', { name: 'Download harbour.analytic.json' }).waitFor();
  await expectAccessible(page);

  await page.getByRole('link', { name: 'Activity' }).click();
  await shows(page.locator('.log'), 'run succeeded');
  await expectAccessible(page);
  await page.reload();
  await shows(page.locator('.log'), 'run succeeded');
  expect(tab.problems).toEqual([]);
});

test('the server is killed while somebody watches a film: the player is there again when the server is', async () => {
  await using server = await ServerProcess.start({ env, args: ['--no-pipeline'] });
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await pick(page, [films.film]);
  await shows(rowOf(page, 'harbour.mp4'), 'Stored and verified');
  // So slow that the player cannot have all of it.
  await tab.limit(slow);
  await page.goto(`${server.url}/assets/${films.sha256}?t=1`);
  const video = page.locator('video');
  await expect.poll(() => video.evaluate((one: HTMLVideoElement) => one.readyState)).toBeGreaterThan(0);
  await shows(page.locator('main'), 'harbour.mp4');
  await server.kill('SIGKILL');
  await video.evaluate((one: HTMLVideoElement) => {
    one.currentTime = 5;
  });
  await shows(page.locator('main'), 'Server not reachable');
  // Chromium tries for half a minute before it gives a film up.
  await shows(page.locator('main'), 'The file cannot be read while the server is away.', 60_000);
  await tab.limit(0);
  await server.run();
  await expect.poll(() => video.evaluate((one: HTMLVideoElement) => one.readyState)).toBeGreaterThan(0);
  await expect.poll(() => video.evaluate((one: HTMLVideoElement) => one.currentTime)).toBeGreaterThan(4.9);
});

test('the server is killed half-way: the page says so calmly and goes on by itself', async () => {
  const watched = await mkdtemp(join(tmpdir(), 'holdfast-watched-'));
  onTestFinished(() => rm(watched, { recursive: true }));
  await using server = await ServerProcess.start({ env: { ...env, HOLDFAST_WATCH: watched } });
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await tab.limit(slow);
  await pick(page, [films.film]);
  await reaches(bar(page, 'harbour.mp4'), 40);
  await page.getByRole('link', { name: 'Health' }).click();
  await shows(page.locator('main'), 'Everything works.');
  await shows(page.locator('.watched-folder'), 'Watched: changes are noticed at once');
  await writeFile(join(watched, 'empty.mp4'), '');
  await shows(page.locator('.watched-folder'), 'waits: it is empty');
  await server.kill('SIGKILL');
  await shows(page.locator('.empty'), 'The server cannot be reached.');
  await page.locator('.watched-folder').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Activity' }).click();
  await shows(page.locator('.empty'), 'The server cannot be reached.');
  await page.getByRole('link', { name: 'Library' }).click();
  const note = 'Server not reachable — going on by itself as soon as it answers.';
  await shows(page.locator('.connection-note'), note);
  await shows(rowOf(page, 'harbour.mp4'), 'Goes on by itself as soon as it answers.');
  await expectAccessible(page);
  await picture(page, 'server-away');
  const stood = await percentOf(bar(page, 'harbour.mp4'));
  expect(stood).toBeGreaterThan(20);

  await tab.limit(0);
  await server.run();
  await shows(rowOf(page, 'harbour.mp4'), 'Stored and verified', 60_000);
  await page.locator('.connection-note').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Activity' }).click();
  await shows(page.locator('.log'), 'created');
  const asset = await json<Asset>(`${server.url}/v1/assets/${films.sha256}`);
  expect(asset.filename).toBe('harbour.mp4');
  expect(tab.problems).toEqual([]);
});

test('C14 an upload goes on by itself after a reload, with only what is missing', async () => {
  await using server = await ServerProcess.start({ env });
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await tab.limit(slow);
  await pick(page, [films.film]);
  await reaches(bar(page, 'harbour.mp4'), 50);
  const { items } = await json<UploadList>(`${server.url}/v1/uploads?state=receiving,paused`);
  expect(items).toHaveLength(1);
  await tab.limit(0);
  await page.reload();
  const left = await json<Upload>(`${server.url}/v1/uploads/${items[0]?.id}`);
  await shows(rowOf(page, 'harbour.mp4'), 'Stored and verified');
  // Those on their way at the reload may have arrived all the same.
  expect(tab.chunksSent.length).toBeLessThanOrEqual(left.totalChunks + 4);
  expect((await json<Upload>(`${server.url}/v1/uploads/${left.id}`)).assetId).toBe(films.sha256);
  expect(tab.problems).toEqual([]);
});

test('an upload that another browser began goes on when the file is selected here, with only what is missing', async () => {
  await using server = await ServerProcess.start({ env });
  {
    await using tab = await openTab(browser, server.url);
    await tab.limit(slow);
    await pick(tab.page, [films.film]);
    await reaches(bar(tab.page, 'harbour.mp4'), 50);
    await button(tab.page, 'Pause harbour.mp4').click();
    const paused = `${server.url}/v1/uploads?state=paused`;
    await expect.poll(async () => (await json<UploadList>(paused)).items.length).toBe(1);
  }
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await shows(rowOf(page, 'harbour.mp4'), 'Select again to continue');
  await expectAccessible(page);
  await page.setViewportSize({ width: 320, height: 640 });
  const cut = (name: Element) => name.scrollWidth > name.clientWidth;
  expect(await page.locator('.upload-name').evaluate(cut)).toBe(false);
  const { items } = await json<UploadList>(`${server.url}/v1/uploads?state=paused`);
  const left = await json<Upload>(`${server.url}/v1/uploads/${items[0]?.id}`);
  expect(left.receivedChunks).toBeGreaterThan(2);
  expect(left.missingChunks.length).toBeGreaterThan(2);
  const chooser = page.waitForEvent('filechooser');
  await button(page, 'Select harbour.mp4 again').click();
  await (await chooser).setFiles([films.film]);
  await shows(rowOf(page, 'harbour.mp4'), 'Stored and verified');
  expect(tab.chunksSent.toSorted((a, b) => a - b)).toEqual(left.missingChunks);
  expect((await json<Upload>(`${server.url}/v1/uploads/${left.id}`)).assetId).toBe(films.sha256);
  expect(tab.problems).toEqual([]);
});

test('everything can be done with the keyboard', async () => {
  await using server = await ServerProcess.start({ env });
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  const focused = () =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim(),
    );
  await button(page, 'Choose files').waitFor();
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Skip to the content');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Choose files');

  await tab.limit(500_000);
  const chooser = page.waitForEvent('filechooser');
  await page.keyboard.press('Enter');
  await (await chooser).setFiles([films.film]);
  await button(page, 'Pause harbour.mp4').waitFor();
  // What waits for its turn can be paused and cancelled, too; but then the server never hears of it.
  await expect.poll(() => tab.chunksSent.length).toBeGreaterThan(0);
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Recording');
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Pause harbour.mp4');
  await page.keyboard.press('Space');
  await shows(rowOf(page, 'harbour.mp4'), 'Paused');
  expect(await focused()).toBe('Resume harbour.mp4');
  await page.keyboard.press('Enter');
  await button(page, 'Pause harbour.mp4').waitFor();
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Cancel harbour.mp4');
  await page.keyboard.press('Enter');
  await rowOf(page, 'harbour.mp4').waitFor({ state: 'detached' });
  expect(await focused()).toBe('Choose files');
  await expect
    .poll(async () => (await json<UploadList>(`${server.url}/v1/uploads?state=cancelled`)).items.length)
    .toBe(1);

  // A button that goes away with what it did leaves the focus where it was.
  await tab.limit(20_000);
  await pick(page, [films.film, ...films.gallery.slice(0, 1)]);
  await button(page, 'Pause all').focus();
  await page.keyboard.press('Enter');
  await button(page, 'Pause all').waitFor({ state: 'detached' });
  await button(page, 'Resume all').waitFor();
  expect(await page.evaluate(() => document.activeElement?.className)).toBe('for-all');
  expect(tab.problems).toEqual([]);
});

test('a file that is no film is kept, says why it was not processed, and can be tried again', async () => {
  await using server = await ServerProcess.start({ env });
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await button(page, 'Choose files').waitFor();
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: [films.folder], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await devtools.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data });
  await shows(page.locator('.upload-note'), 'Folders cannot be uploaded; choose the files in them.');
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['this is not a film'], 'broken.mp4', { type: 'video/mp4' }));
    const drag = { dataTransfer, bubbles: true, cancelable: true };
    for (const type of ['dragenter', 'dragover', 'drop']) document.body.dispatchEvent(new DragEvent(type, drag));
  });
  await page.locator('.upload').getByRole('link', { name: 'broken.mp4' }).click();
  await page.getByRole('heading', { level: 2, name: /Processing failed/ }).waitFor();
  await shows(page.locator('.no-player'), 'Every byte is stored and verified.');
  await expectAccessible(page);
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new DOMException('Not now.', 'NotAllowedError'));
  });
  const copy = page.getByRole('button', { name: 'Copy the SHA-256' });
  await copy.click();
  await shows(copy, 'Not copied');
  // The browser does not open a file in place of a page that does not take it.
  const opens = await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['x'], 'x.mp4'));
    return document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  });
  expect(opens).toBe(false);
  const download = page.waitForEvent('download');
  await page.locator('.no-player').getByRole('link', { name: 'Download' }).click();
  expect((await download).suggestedFilename()).toBe('broken.mp4');
  await page.route('**/v1/runs/*/retry', (route) => route.abort());
  await button(page, 'Retry failed steps').click();
  await shows(page.getByRole('alert'), 'The server cannot be reached.');
  await page.unroute('**/v1/runs/*/retry');
  await button(page, 'Retry failed steps').click();
  await page.getByRole('heading', { level: 2, name: /Processing failed/ }).waitFor();
  expect(tab.problems).toEqual([]);
});

test('a server with keys asks for one and keeps it out of reach of scripts', async () => {
  const key = 'a-key-of-some-length';
  await using server = await ServerProcess.start({
    env: { ...env, HOLDFAST_API_KEYS: `lena:${key}` },
  });
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await page.getByLabel('API key').fill('not-the-right-key');
  await expectAccessible(page);
  await button(page, 'Sign in').click();
  await shows(page.getByRole('alert'), 'does not know that key');
  const hasFocus = (one: Element) => one === document.activeElement;
  expect(await button(page, 'Sign in').evaluate(hasFocus)).toBe(true);
  await page.getByLabel('API key').fill(key);
  await button(page, 'Sign in').click();
  await shows(page.locator('main'), 'Nothing here yet');
  expect(await page.locator('main').evaluate(hasFocus)).toBe(true);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  expect(kept).not.toContain(key);
  expect(kept).not.toContain('holdfast-session');
  await pick(page, [films.film]);
  await shows(rowOf(page, 'harbour.mp4'), 'Stored and verified');
  await page.reload();
  await page.locator('.card').getByRole('link', { name: 'harbour.mp4' }).waitFor();
  // What was asked about can end before the answer.
  await tab.limit(20_000);
  await pick(page, films.gallery.slice(1, 2));
  await page.locator('#uploads-title').getByText('1 file on the way').waitFor();
  await button(page, 'Sign out').click();
  const question = page.getByRole('dialog', { name: '1 file not sent yet' });
  await question.waitFor();
  await tab.limit(0);
  await shows(page.locator('.upload'), 'Stored and verified');
  await question.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key').waitFor();
  expect(tab.problems).toEqual([]);
});

const darkPhone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'dark' } as const;

test('pages fit a phone, the dark and people who want no motion', async () => {
  await using server = await ServerProcess.start({ env });
  await using tab = await openTab(browser, server.url);
  await pick(tab.page, [...films.gallery, films.film]);
  await expect
    .poll(
      () =>
        tab.page
          .locator('.card-logline')
          .filter({ hasText: / of [\d.]+ s: / })
          .count(),
      { timeout: 90_000 },
    )
    .toBe(5);
  await button(tab.page, 'Clear finished').click();
  await picture(tab.page, 'home-light');
  const asset = `${server.url}/assets/${films.sha256}`;
  const looks = [
    { name: 'home-dark', url: server.url, options: { colorScheme: 'dark' } },
    { name: 'film', url: asset, options: {} },
    { name: 'home-phone', url: server.url, options: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 } },
    { name: 'film-phone', url: asset, options: { viewport: { width: 390, height: 844 }, reducedMotion: 'reduce' } },
    { name: 'activity', url: `${server.url}/activity`, options: {} },
    { name: 'activity-phone', url: `${server.url}/activity`, options: darkPhone },
    { name: 'health', url: `${server.url}/status`, options: {} },
    { name: 'health-phone', url: `${server.url}/status`, options: darkPhone },
    // The same colours as on the phone and the same places as in the light: for the documents alone.
    ...picturesOnly([
      { name: 'activity-dark', url: `${server.url}/activity`, options: { colorScheme: 'dark' } },
      { name: 'health-dark', url: `${server.url}/status`, options: { colorScheme: 'dark' } },
    ] as const),
  ] as const;
  for (const { name, url, options } of looks) {
    await using look = await openTab(browser, url, options);
    await look.page.locator('.card-picture img, .shot img, .log-line, .check').first().waitFor();
    const wide = () =>
      look.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(await wide(), `${name} must not scroll sideways`).toBeLessThanOrEqual(0);
    await expectAccessible(look.page);
    // The documents show another asset, one in which somebody speaks.
    if (!name.startsWith('film')) await picture(look.page, name);
    // A wide screen that is enlarged four times.
    await look.page.setViewportSize({ width: 320, height: 640 });
    expect(await wide(), `${name} must not scroll sideways at 320 pixels`).toBeLessThanOrEqual(0);
    expect(look.problems).toEqual([]);
  }
});
