/** The recorder in a real Chromium with a microphone that beeps, against a started server. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClientServer } from './client-server.ts';
import { ProfiledBrowser } from './queue-browser.ts';
import { type ReactPage, serveReactPage } from './react-page.ts';
import type { Called, Harness, RecorderWish } from './react-page-entry.ts';
import { expectAccessible } from './web-browser.ts';

declare const harness: Harness;

const run = promisify(execFile);
const beeping = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const slow = { timeout: 20_000, interval: 50 };
let site: ReactPage;
let server: ClientServer;
let browser: ProfiledBrowser;

beforeAll(async () => {
  site = await serveReactPage();
  [browser, server] = await Promise.all([ProfiledBrowser.start(beeping), ClientServer.start(site.origin)]);
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await site?.[Symbol.asyncDispose]();
});

async function openRecorder(wish: RecorderWish = {}): Promise<Page> {
  const page = await browser.open(site.origin);
  await page.evaluate(([url, how]) => harness.mountRecorder(url, how), [server.url, wish] as const);
  await expect.poll(() => page.evaluate(() => harness.queueReady()), slow).toBe(true);
  return page;
}

const status = (page: Page) => page.getAttribute('.hf-recorder', 'data-status');
const expectStatus = (page: Page, wanted: string) => expect.poll(() => status(page), slow).toBe(wanted);
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const seconds = async (page: Page) => Number((await page.textContent('.hf-clock'))?.split(':')[1]);
const expectSeconds = (page: Page, least: number) =>
  expect.poll(() => seconds(page), slow).toBeGreaterThanOrEqual(least);
const called = async (page: Page, name: string) =>
  (await page.evaluate(() => harness.calls)).filter((call: Called) => call.name === name).map((call) => call.with);
const queued = (page: Page) => page.evaluate(() => harness.queueState());

/** Seconds of sound that ffmpeg decodes of what the server stored. */
async function playable(uploadId: string): Promise<number> {
  const recording = (await (await fetch(`${server.url}/api/v1/recordings/${uploadId}`)).json()) as Record<
    string,
    string
  >;
  expect(recording).toMatchObject({
    estado: 'completado',
    asignatura: 'Anatomía',
    tema: 'Huesos',
    content_type: 'audio/webm',
  });
  const url = `${server.url}${recording['final_file_url']}`;
  const probe = ['-v', 'error', '-show_entries', 'stream=codec_name,sample_rate,channels', '-of', 'json', url];
  const { streams } = JSON.parse((await run('ffprobe', probe)).stdout) as { streams: { codec_name: string }[] };
  expect(streams.map(({ codec_name }) => codec_name)).toEqual(['opus']);
  // Every packet, decoded: a header that promises more proves nothing.
  const { stderr } = await run('ffmpeg', ['-hide_banner', '-i', url, '-f', 'null', '-']);
  const [, minutes = '', rest = ''] = /.*time=\d+:(\d+):([\d.]+)/s.exec(stderr) ?? [];
  return Number(minutes) * 60 + Number(rest);
}

async function completedUpload(page: Page): Promise<string> {
  await expect.poll(async () => (await queued(page)).at(-1)?.status, slow).toBe('completed');
  return (await queued(page)).at(-1)?.uploadId ?? '';
}

test('C13 records, pauses, goes on, and sends what was recorded; shows how loud it is', async () => {
  const page = await openRecorder();
  expect(await status(page)).toBe('idle');
  await press(page, 'Record');
  await expectStatus(page, 'recording');
  const level = page.getByRole('meter', { name: 'Loudness' });
  await expect.poll(async () => Number(await level.getAttribute('aria-valuenow')), slow).toBeGreaterThan(20);
  await expectSeconds(page, 1);
  await press(page, 'Pause');
  await expectStatus(page, 'paused');
  await expectAccessible(page);
  const before = await seconds(page);
  // The slice that was being filled is stored before the pause, not after it.
  await expect.poll(async () => (await queued(page))[0]?.size, slow).toBeGreaterThan(3_000);
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Go on');
  await page.keyboard.press('Enter');
  await expectSeconds(page, before + 1);
  await press(page, 'Stop and send');
  await expectStatus(page, 'stopped');
  const uploadId = await completedUpload(page);
  expect(await called(page, 'onStart')).toHaveLength(1);
  expect(await called(page, 'onStop')).toEqual(await called(page, 'onStart'));
  const length = await playable(uploadId);
  expect(length).toBeGreaterThan(before + 0.5);
  expect(length).toBeLessThan(before + 6);
  // The choice of microphones has names, now that one was allowed.
  expect(await page.getByRole('combobox', { name: 'Microphone' }).locator('option').count()).toBeGreaterThan(2);
  await page.close();
});

test('C13 kill -9 of the browser in the middle of a recording loses at most a second', async () => {
  const page = await openRecorder();
  await press(page, 'Record');
  await expectSeconds(page, 3);
  await browser.kill();
  await browser.run();
  const again = await openRecorder();
  // Nobody does anything: what was stored is finished and sent.
  await expect.poll(async () => (await queued(again)).length, slow).toBe(2);
  const length = await playable(await completedUpload(again));
  console.info(`Killed when at least 3.0 s were recorded: ${length.toFixed(2)} s are there`);
  expect(length).toBeGreaterThanOrEqual(2);
  await again.close();
});

test('C13 discarding frees the microphone and leaves nothing; leaving the page sends', async () => {
  const page = await openRecorder();
  const known = (await queued(page)).length;
  await press(page, 'Record');
  await expectStatus(page, 'recording');
  await press(page, 'Discard');
  await expectStatus(page, 'idle');
  await expect.poll(async () => (await queued(page)).length, slow).toBe(known);
  await press(page, 'Record');
  await expectSeconds(page, 1);
  await page.evaluate(() => harness.unmount());
  await expect
    .poll(async () => (await fetch(`${server.url}/api/v1/recordings/`)).json(), slow)
    .toMatchObject({ total: known + 1 });
  await page.close();
});

describe('C17 what can go wrong is told plainly, and what is recorded is kept', () => {
  test('no room', async () => {
    const page = await openRecorder({ fullAt: 3, language: 'es' });
    await press(page, 'Grabar');
    await expectStatus(page, 'stopped');
    expect(await called(page, 'onError')).toEqual([{ type: 'validation', code: 'storage-full' }]);
    expect(await page.getByRole('alert').textContent()).toContain('Lo grabado hasta ahora se conserva');
    await expectAccessible(page);
    await completedUpload(page);
    await page.close();
  });

  test('the microphone is unplugged', async () => {
    const page = await openRecorder();
    await press(page, 'Record');
    await expectSeconds(page, 1);
    await page.evaluate(() => harness.unplug());
    await expectStatus(page, 'stopped');
    expect(await called(page, 'onError')).toEqual([{ type: 'validation', code: 'microphone-lost' }]);
    expect(await playable(await completedUpload(page))).toBeGreaterThan(0.5);
    await page.close();
  });

  test.each([
    ['there is none', [], 'no-microphone'],
    ['it is denied', ['--use-fake-device-for-media-stream', '--deny-permission-prompts'], 'permission-denied'],
  ])('%s', async (_what, flags, code) => {
    await using own = await chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', ...flags],
    });
    const page = await own.newPage();
    await page.goto(site.origin);
    await page.evaluate((url) => harness.mountRecorder(url), server.url);
    await press(page, 'Record');
    await expectStatus(page, 'failed');
    expect(await called(page, 'onError')).toEqual([{ type: 'validation', code }]);
    // It can be tried again.
    expect(await page.getByRole('button', { name: 'Record' }).isEnabled()).toBe(true);
  });
});
