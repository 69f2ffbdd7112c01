/** Sending from the web page in a real Chromium against real server processes: what the queue, the recorder and compression do for it. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Asset, AssetList } from '@holdfast/protocol';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ProfiledBrowser } from './queue-browser.ts';
import { ServerProcess } from './server-process.ts';
import { expectAccessible, picture } from './web-browser.ts';

// Nobody speaks in these films, and starting the engines to find that out takes long.
const engines = { HOLDFAST_SPEECH_ENGINE: 'none', HOLDFAST_TEXT_ENGINE: 'none' };
const run = promisify(execFile);
const env = { HOLDFAST_MAX_CHUNK_SIZE_MB: '1', HOLDFAST_RESERVE_MB: '0', ...engines };
const beeping = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

let folder: string;
let browser: ProfiledBrowser;
let wav: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-sending-'));
  wav = join(folder, 'lecture 5, currents.wav');
  const speech = "sine=f=180,volume='abs(sin(t*1.3))*(0.4+0.6*abs(sin(t*0.37)))':eval=frame";
  const sound = ['-f', 'lavfi', '-t', '20', '-i', speech, '-ar', '48000', '-ac', '2'];
  [browser] = await Promise.all([ProfiledBrowser.start(beeping), run('ffmpeg', ['-v', 'error', ...sound, wav])]);
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const rowOf = (page: Page, name: string | RegExp) => page.locator('.upload').filter({ hasText: name });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const shows = (place: Locator, words: string | RegExp) => place.getByText(words).first().waitFor({ timeout: 60_000 });
const patient = { timeout: 60_000, interval: 100 };

/** By path: the other way sends their bytes through the connection of the test. */
async function pick(page: Page, files: string[], label = 'Files to upload'): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  const { root } = await devtools.send('DOM.getDocument');
  const input = { nodeId: root.nodeId, selector: `input[aria-label="${label}"]` };
  const { nodeId } = await devtools.send('DOM.querySelector', input);
  await devtools.send('DOM.setFileInputFiles', { nodeId, files });
  await devtools.detach();
}

async function open(url: string): Promise<Page> {
  const page = await browser.open(url);
  await page.setViewportSize({ width: 1280, height: 900 });
  await button(page, 'Choose files').waitFor();
  return page;
}

/** Bytes per second that the line takes from now on; 0 for no limit. */
async function limit(page: Page, uploadThroughput: number): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.enable');
  const conditions = { offline: false, latency: 0, downloadThroughput: -1 };
  const rate = uploadThroughput === 0 ? -1 : uploadThroughput;
  await devtools.send('Network.emulateNetworkConditions', { ...conditions, uploadThroughput: rate });
}

async function percentOf(page: Page, name: string): Promise<number> {
  return Number(await page.getByRole('progressbar', { name: `Upload of ${name}` }).getAttribute('aria-valuenow'));
}

async function json<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}

interface Recordings {
  readonly recordings: readonly Readonly<Record<string, string>>[];
}

async function fillLecture(page: Page): Promise<void> {
  await button(page, 'Recording').click();
  await page.getByLabel('Subject').fill('Oceanography');
  await page.getByLabel('Topic').fill('Currents');
  await page.getByLabel('Speaker').fill('Dr. Vega');
}

test('C13 C14 kill -9 of the browser while it sends and records: both go on at the next visit, without a person', async () => {
  await using server = await ServerProcess.start({ env });
  const bytes = randomBytes(12_000_000);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const file = join(folder, 'survey.bin');
  await writeFile(file, bytes);
  const page = await open(server.url);
  await limit(page, 1_500_000);
  await pick(page, [file]);
  await fillLecture(page);
  await button(page, 'Record').click();
  await shows(page.locator('.microphone'), /0:0[2-9]/);
  await expect
    .poll(async () => Number(await page.getByRole('meter').getAttribute('aria-valuenow')), patient)
    .toBeGreaterThan(20);
  await expectAccessible(page);
  await picture(page, 'recorder');
  await expect.poll(() => percentOf(page, 'survey.bin'), patient).toBeGreaterThan(25);
  await browser.kill();
  await browser.run();
  const again = await open(server.url);
  await shows(rowOf(again, 'survey.bin'), 'Stored and verified');
  await shows(rowOf(again, /Oceanography, Currents/), 'Stored and verified');
  expect((await json<Asset>(`${server.url}/v1/assets/${sha256}`)).filename).toBe('survey.bin');
  const { recordings } = await json<Recordings>(`${server.url}/api/v1/recordings/`);
  expect(recordings).toMatchObject([{ asignatura: 'Oceanography', tema: 'Currents', estado: 'completado' }]);
  await again.close();
});

test('C13 three seconds from the microphone are sent as a recording when it is stopped', async () => {
  await using server = await ServerProcess.start({ env });
  const page = await open(server.url);
  await button(page, 'Recording').click();
  await button(page, 'Record').click();
  // Without a subject nothing begins.
  expect(await page.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('subject');
  await page.getByLabel('Subject').fill('Acoustics');
  await button(page, 'Record').click();
  await shows(page.locator('.microphone'), /0:0[1-9]/);
  await button(page, 'Pause').click();
  await shows(page.locator('.microphone'), /^Paused/);
  await button(page, 'Go on').click();
  await shows(page.locator('.microphone'), /0:0[3-9]/);
  await button(page, 'Stop and send').click();
  await shows(rowOf(page, /^Acoustics/), 'Stored and verified');
  const { items } = await json<AssetList>(`${server.url}/v1/assets`);
  expect(items).toMatchObject([{ filename: expect.stringMatching(/^Acoustics .*\.webm$/) }]);
  const { stdout } = await run('ffprobe', [
    '-v',
    'error',
    '-show_entries',
    'stream=codec_name',
    `${server.url}/v1/assets/${items[0]?.id}/content`,
  ]);
  expect(stdout).toContain('opus');
  await page.close();
});

test('C15 sound can be made smaller before it is sent, and what each way would save is shown first', async () => {
  await using server = await ServerProcess.start({ env: { ...env, PRESERVE_ORIGINAL_AUDIO: 'true' } });
  const page = await open(server.url);
  await pick(page, [wav]);
  const tray = page.getByRole('region', { name: 'Smaller before it is sent?' });
  const speech = tray.getByRole('radio', { name: 'Speech, 32 kbit/s' });
  expect(await tray.getByRole('radio', { name: 'Send it as it is' }).isChecked()).toBe(true);
  await shows(tray, /^about [\d.]+ kB, 4\d× smaller$/);
  await expectAccessible(page);
  await picture(page, 'compression');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 390, height: 844 });
  await picture(page, 'sending-phone');
  await button(page, 'Recording').click();
  await expectAccessible(page);
  const sideways = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
  expect(await page.evaluate(sideways)).toBeLessThanOrEqual(0);
  await button(page, 'Recording').click();
  await page.setViewportSize({ width: 1280, height: 900 });
  await speech.check();
  await tray.getByLabel('Send the original too, afterwards').uncheck();
  await button(page, 'Compress and send').click();
  await shows(rowOf(page, 'lecture 5, currents.webm'), 'Stored and verified');
  await shows(rowOf(page, 'lecture 5, currents.webm'), /^3\.84 MB → \d\d[.\d]* kB, \d\d×/);

  // As a recording: the server's preset is chosen already, and it wants the original too.
  await fillLecture(page);
  await pick(page, [wav], 'Recordings to upload');
  await tray.getByRole('radio', { name: 'Balanced, 96 kbit/s' }).waitFor();
  expect(await tray.getByRole('radio', { name: 'Balanced, 96 kbit/s' }).isChecked()).toBe(true);
  expect(await tray.getByLabel('Send the original too, afterwards').isChecked()).toBe(true);
  await tray.getByLabel('Megabytes at most').fill('0.12');
  await shows(tray, /^about 1[12]\d kB, 3\d× smaller$/);
  await button(page, 'Compress and send').click();
  await shows(rowOf(page, 'lecture 5, currents.wav'), 'Stored and verified');
  const { recordings } = await json<Recordings>(`${server.url}/api/v1/recordings/`);
  const sent = { asignatura: 'Oceanography', tema: 'Currents', profesor_text: 'Dr. Vega', estado: 'completado' };
  expect(recordings).toHaveLength(2);
  expect(recordings).toMatchObject([sent, sent]);
  const { items } = await json<AssetList>(`${server.url}/v1/assets`);
  const small = items.filter(({ filename, size }) => filename.endsWith('.webm') && size > 110_000 && size <= 120_000);
  expect(small).toHaveLength(1);
  await page.close();
});

test('C14 a hundred files: the page lists some, stays usable, and does the same to all of them', async () => {
  await using server = await ServerProcess.start({ env });
  const page = await open(server.url);
  const other = await open(server.url);
  const files = Array.from({ length: 100 }, (_, i) => ({
    name: `note ${i}.txt`,
    mimeType: 'text/plain',
    buffer: Buffer.from(`note ${i} `.repeat(2_000)),
  }));
  await limit(page, 300_000);
  await page.evaluate(() => {
    const seen = { longest: 0 };
    Object.assign(window, { seen });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) seen.longest = Math.max(seen.longest, duration);
    }).observe({ type: 'longtask' });
  });
  await page.getByLabel('Files to upload').setInputFiles(files);
  await shows(page.locator('main'), 'and 80 more');
  expect(await page.locator('.upload').count()).toBe(20);
  console.info('longest task of the page, ms:', await page.evaluate(() => Reflect.get(window, 'seen').longest));
  await button(page, 'Pause all').click();
  await expect.poll(() => page.locator('.upload').filter({ hasText: 'Paused' }).count(), patient).toBeGreaterThan(10);
  await expectAccessible(page);
  // The other tab shows the same, and its word counts as much.
  await shows(other.locator('main'), /^(\d\d|100) files on the way$/);
  await limit(page, 0);
  await button(other, 'Resume all').click();
  await expect
    .poll(async () => (await json<AssetList>(`${server.url}/v1/assets?limit=200`)).items.length, patient)
    .toBe(100);
  await shows(page.locator('main'), 'Arrived');
  await shows(other.locator('main'), 'Arrived');
  await page.close();
  await other.close();
});

test('signing out asks first, and leaves nothing of a person in the browser; sound goes at once where the server wants no compression', async () => {
  const key = 'a-key-of-some-length';
  await using server = await ServerProcess.start({
    env: { ...env, HOLDFAST_API_KEYS: `lena:${key}`, ENABLE_AUDIO_COMPRESSION: 'false' },
  });
  const page = await browser.open(server.url);
  // Cookies know no ports: one of an earlier try would do instead of signing in.
  await page.context().clearCookies();
  await page.reload();
  const signIn = async () => {
    await page.getByLabel('API key').fill(key);
    await button(page, 'Sign in').click();
    await button(page, 'Choose files').waitFor();
  };
  await signIn();
  await limit(page, 100_000);
  await pick(page, [wav]);
  await rowOf(page, 'lecture 5, currents.wav').waitFor();
  await button(page, 'Sign out').click();
  const dialog = page.getByRole('dialog', { name: '1 file not sent yet' });
  await dialog.waitFor();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'No' }).click();
  await rowOf(page, 'lecture 5, currents.wav').waitFor();
  await button(page, 'Sign out').click();
  await dialog.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key').waitFor();
  const left = await page.evaluate(
    () =>
      new Promise<number[]>((resolve, reject) => {
        const asked = indexedDB.open('holdfast-queue');
        asked.onerror = () => reject(asked.error);
        asked.onsuccess = () => {
          const transaction = asked.result.transaction(['uploads', 'blobs', 'chunks']);
          const counts = ['uploads', 'blobs', 'chunks'].map((name) => transaction.objectStore(name).count());
          transaction.oncomplete = () => resolve(counts.map((count) => count.result));
        };
      }),
  );
  expect(left).toEqual([0, 0, 0]);
  await page.close();
});

test('who signs out while the server is away is signed out, also for whoever loads the page after it has come back', async () => {
  const key = 'another-key-of-some-length';
  await using server = await ServerProcess.start({ env: { ...env, HOLDFAST_API_KEYS: `lena:${key}` } });
  const page = await browser.open(server.url);
  await page.context().clearCookies();
  await page.reload();
  await page.getByLabel('API key').fill(key);
  await button(page, 'Sign in').click();
  await button(page, 'Choose files').waitFor();
  await server.kill();
  await button(page, 'Sign out').click();
  await page.getByLabel('API key').waitFor();
  await server.run();
  const told = page.waitForResponse((answer) => answer.request().method() === 'DELETE');
  await page.reload();
  expect((await told).status()).toBe(204);
  await page.getByLabel('API key').waitFor();
  expect(await button(page, 'Choose files').count()).toBe(0);
  expect((await page.request.get(`${server.url}/v1/session`)).status()).toBe(401);
  await page.close();
});
