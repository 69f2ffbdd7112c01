/** C13: the React component in a real Chromium, against a started server. */
import { randomBytes } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClientServer } from './client-server.ts';
import { mainThreadTasks } from './page-tasks.ts';
import { type ReactPage, serveReactPage } from './react-page.ts';
import type { Called, Harness, Measured, UploaderWish } from './react-page-entry.ts';
import { expectAccessible, launchChromium, openTab, type Tab } from './web-browser.ts';

declare const harness: Harness;

const mebibyte = 1024 * 1024;
let browser: Browser;
let page: ReactPage;
let server: ClientServer;
let tab: Tab;

beforeAll(async () => {
  page = await serveReactPage();
  [browser, server] = await Promise.all([launchChromium(), ClientServer.start(page.origin)]);
  tab = await openTab(browser, page.origin);
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await page?.[Symbol.asyncDispose]();
});

const mount = (...wishes: readonly Omit<UploaderWish, 'url'>[]) =>
  tab.page.evaluate(
    (all) => harness.mount(...all),
    wishes.map((wish) => ({ url: server.url, ...wish })),
  );
const calls = (): Promise<readonly Called[]> => tab.page.evaluate(() => harness.calls);
const named = async (name: string) => (await calls()).filter((call) => call.name === name).map((call) => call.with);
const said = () => tab.page.evaluate(() => harness.said);
const status = () => tab.page.getAttribute('.hf-uploader', 'data-status');
const expectStatus = (wanted: string) => expect.poll(status, { timeout: 15_000, interval: 20 }).toBe(wanted);
const focused = () =>
  tab.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent);

describe('an audio with what it is about', () => {
  test('C13 is uploaded once as a recording, in StrictMode too, and says where it is', async () => {
    const created: string[] = [];
    tab.page.on('request', (request) => {
      if (request.method() === 'POST' && /\/(?:recordings|uploads)\/?$/.test(request.url()))
        created.push(request.url());
    });
    await mount({
      bytes: 6 * mebibyte,
      audioMetadata: { asignatura: 'Cardiología', tema: 'Arritmias', profesorText: 'Dra. Núñez', duration: 60 },
      language: 'es',
    });
    await expectStatus('completed');
    expect(created).toEqual([`${server.url}/api/v1/recordings/`]);
    const [result, ...more] = (await named('onComplete')) as {
      recordingId: string;
      finalUrl: string;
      sha256: string;
    }[];
    expect(more).toEqual([]);
    const recording = await (await fetch(`${server.url}/api/v1/recordings/${result?.recordingId}`)).json();
    expect(recording).toMatchObject({
      ...{ estado: 'completado', asignatura: 'Cardiología', tema: 'Arritmias', profesor_text: 'Dra. Núñez' },
      filename_original: 'meeting.wav',
    });
    expect(result?.finalUrl).toBe(server.url + (recording as { final_file_url: string }).final_file_url);
    expect(result?.sha256).toBe(await tab.page.evaluate(() => harness.sha256()));
    expect((await fetch(result?.finalUrl ?? '')).headers.get('content-length')).toBe(String(6 * mebibyte));
    expect(await named('onUploadStart')).toEqual([
      { recordingId: result?.recordingId, filename: 'meeting.wav', size: 6 * mebibyte },
    ]);
    expect((await named('onProgress')).at(-1)).toMatchObject({ percent: 100, chunksUploaded: 2, totalChunks: 2 });
    expect(await tab.page.textContent('.hf-status')).toBe('Guardado y verificado');
    expect((await said()).at(-1)).toBe('meeting.wav está guardado y verificado.');
    expect(tab.problems).toEqual([]);
  });

  test('C13 C16 is compressed first: progress, what it saved, and another name', async () => {
    await mount({ bytes: 30 * 192_000, compress: 'real', compressionQuality: 'low' });
    await expectStatus('completed');
    expect((await named('onCompressionProgress')).at(-1)).toBe(100);
    const [start] = (await named('onUploadStart')) as { filename: string; size: number; recordingId: string }[];
    expect(start?.filename).toBe('meeting.webm');
    // 30 s at 32 kbit/s.
    expect(start?.size).toBeGreaterThan(60_000);
    expect(start?.size).toBeLessThan(160_000);
    expect(await tab.page.textContent('.hf-note')).toMatch(/^Compressed from 5\.8 MB to \d{2,3} kB: 9[78]% saved$/);
  });

  test('C13 is compressed by an encoder of the embedder', async () => {
    await mount({ bytes: 400_000, compress: 'halve' });
    await expectStatus('completed');
    expect(await tab.page.textContent('.hf-note')).toBe('Compressed from 400 kB to 200 kB: 50% saved');
    expect(await named('onUploadStart')).toMatchObject([{ filename: 'meeting.webm', size: 200_000 }]);
  });

  test('C13 is sent as it is when compression fails, and says why', async () => {
    await mount({ bytes: 300_000, compress: 'fail' });
    await expectStatus('completed');
    expect(await tab.page.textContent('.hf-note')).toBe('Sent as it is. The encoder broke.');
    expect(await named('onUploadStart')).toMatchObject([{ filename: 'meeting.wav', size: 300_000 }]);
  });
});

test('C13 everything works by keyboard, the focus never gets lost, and what happens is said', async () => {
  await tab.limit(1_000_000);
  await mount({ chunkSize: mebibyte });
  await tab.page.keyboard.press('Tab');
  expect(await focused()).toBe('Choose a file');
  const chooser = tab.page.waitForEvent('filechooser');
  await tab.page.keyboard.press('Enter');
  // Of another content in each try: what the server has is not sent again.
  const buffer = randomBytes(9 * mebibyte);
  await (await chooser).setFiles({ name: 'meeting.wav', mimeType: 'audio/wav', buffer });
  await expectStatus('uploading');
  await expect.poll(focused, { timeout: 5_000 }).toBe('Pause meeting.wav');
  await expect.poll(async () => (await named('onProgress')).length, { timeout: 10_000 }).toBeGreaterThan(2);
  const bar = tab.page.getByRole('progressbar', { name: 'Upload of meeting.wav' });
  expect(await bar.getAttribute('aria-valuetext')).toMatch(/^\d+%, Uploading/);
  await tab.page.keyboard.press('Space');
  await expectStatus('paused');
  expect(await focused()).toBe('Resume meeting.wav');
  const before = tab.chunksSent.length;
  await tab.page.keyboard.press('Enter');
  await expectStatus('uploading');
  await expect
    .poll(async () => (await said()).some((text) => /: (25|50)%\.$/.test(text)), { timeout: 10_000 })
    .toBe(true);
  expect(await tab.page.textContent('.hf-figures')).toMatch(/ of 9\.4 MB · \d of 9 chunks/);
  await tab.page.keyboard.press('Tab');
  expect(await focused()).toBe('Cancel meeting.wav');
  await tab.page.keyboard.press('Enter');
  await expectStatus('cancelled');
  expect(await named('onCancel')).toHaveLength(1);
  expect(before).toBeGreaterThan(0);
  expect(await focused()).toMatch(/^(Remove|Retry) meeting\.wav$/);
  await tab.page.getByRole('button', { name: 'Retry meeting.wav' }).focus();
  await tab.limit(0);
  await tab.page.keyboard.press('Enter');
  await expectStatus('completed');
  // The button that had the focus is gone, and none that ends something may get it.
  await expect.poll(focused, { timeout: 5_000 }).toBe('Upload');
  await tab.page.keyboard.press('Tab');
  expect(await focused()).toBe('Remove meeting.wav');
  await tab.page.keyboard.press('Enter');
  await expectStatus('idle');
  await expect.poll(focused, { timeout: 5_000 }).toBe('Choose a file');
  const told = await said();
  const expected = [
    'Uploading meeting.wav.',
    'meeting.wav is paused.',
    'meeting.wav goes on.',
    'meeting.wav is cancelled.',
    'meeting.wav is stored and verified.',
  ];
  expect(expected.filter((text) => !told.includes(text))).toEqual([]);
});

test('C13 an upload that is over before its next frame leaves the focus on nothing that ends something', async () => {
  await mount({ bytes: 10_000, autoStart: false });
  await tab.page.getByRole('button', { name: 'Upload meeting.wav' }).focus();
  await tab.page.evaluate(() => {
    const held: FrameRequestCallback[] = [];
    const request = window.requestAnimationFrame;
    window.requestAnimationFrame = (callback) => held.push(callback);
    Object.assign(window, {
      drawAgain: () => {
        window.requestAnimationFrame = request;
        for (const callback of held) request(callback);
      },
    });
  });
  await tab.page.keyboard.press('Enter');
  await expect.poll(() => named('onComplete'), { timeout: 10_000 }).toHaveLength(1);
  expect(await focused()).toBe('Upload meeting.wav');
  await tab.page.evaluate(() => Reflect.get(window, 'drawAgain')());
  await expectStatus('completed');
  expect(await focused()).toBe('Upload');
});

test('C11 C13 a file can be dropped; one that is not acceptable is refused in words', async () => {
  await mount({ maxSize: 1_000_000, accept: 'audio/*,.flac' });
  await tab.page.evaluate(() => harness.drop('long.wav', 1_000_001));
  await expectStatus('failed');
  expect(await tab.page.getByRole('alert').textContent()).toBe('The file is too large. At most 1 MB can be uploaded.');
  expect(await named('onError')).toEqual([{ type: 'validation', code: 'too-large' }]);
  await tab.page.evaluate(() => harness.drop('short.wav', 50_000));
  await expectStatus('completed');
});

test('C13 axe finds nothing in any state, light, dark, from right to left, and with forced colours', async () => {
  await tab.limit(100_000);
  const bytes = 3 * mebibyte;
  await mount(
    {},
    { bytes, autoStart: false, name: 'ready.wav' },
    { bytes, compress: 'hang', name: 'compressing.wav' },
    { bytes, name: `uploading ${'a long name '.repeat(9)}.wav`, onUnmount: 'cancel' },
    { bytes, name: 'paused.wav', onUnmount: 'cancel' },
    { bytes, maxSize: 5, name: 'failed.wav' },
    { bytes, name: 'cancelled.wav' },
    { bytes: 0, name: 'completed.wav' },
  );
  await tab.page.getByRole('button', { name: 'Pause paused.wav' }).click();
  await tab.page.getByRole('button', { name: 'Cancel cancelled.wav' }).click();
  const statuses = () => tab.page.$$eval('.hf-uploader', (all) => all.map((one) => one.getAttribute('data-status')));
  const all = ['idle', 'ready', 'compressing', 'uploading', 'paused', 'failed', 'cancelled', 'completed'];
  await expect.poll(statuses, { timeout: 10_000 }).toEqual(all);
  await tab.page.emulateMedia({ colorScheme: 'light' });
  await expectAccessible(tab.page);
  await tab.page.emulateMedia({ colorScheme: 'dark' });
  await expectAccessible(tab.page);
  await tab.page.evaluate(() => document.documentElement.setAttribute('dir', 'rtl'));
  await expectAccessible(tab.page);
  const origin = () => tab.page.$eval('.hf-bar-fill', (fill) => getComputedStyle(fill).transformOrigin.split(' ')[0]);
  expect(await origin()).not.toBe('0px');
  await tab.page.emulateMedia({ colorScheme: 'light', forcedColors: 'active', reducedMotion: 'reduce' });
  await expectAccessible(tab.page);
  expect(await tab.page.$eval('.hf-bar-fill', (fill) => getComputedStyle(fill).transitionProperty)).toBe('none');
  await tab.page.evaluate(() => document.documentElement.removeAttribute('dir'));
  expect(await origin()).toBe('0px');
  await tab.page.emulateMedia({ colorScheme: null, forcedColors: null, reducedMotion: null });
  await tab.page.setViewportSize({ width: 320, height: 700 });
  expect(await tab.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  await tab.page.setViewportSize({ width: 1280, height: 900 });
  await tab.page.evaluate(() => harness.unmount());
  await tab.limit(0);
});

/** What became of the workers that start from now on. */
function watchWorkers(): () => readonly string[] {
  const started: { state: string }[] = [];
  tab.page.on('worker', (worker) => {
    const one = { state: 'runs' };
    started.push(one);
    worker.on('close', () => {
      one.state = 'ended';
    });
  });
  return () => started.map(({ state }) => state);
}

describe('when the component goes away during an upload', () => {
  test('C13 the upload goes on by default, and still calls back', async () => {
    await tab.limit(1_500_000);
    const running = watchWorkers();
    await mount({ bytes: 3 * mebibyte });
    await expectStatus('uploading');
    await tab.page.evaluate(() => harness.unmount());
    await expect.poll(() => named('onComplete'), { timeout: 10_000 }).toHaveLength(1);
    await expect.poll(running, { timeout: 10_000 }).toEqual(['ended']);
    expect(tab.problems).toEqual([]);
  });

  test('C13 it is cancelled where that is wanted', async () => {
    const running = watchWorkers();
    await mount({ bytes: 3 * mebibyte, onUnmount: 'cancel' });
    await expect.poll(() => named('onUploadStart'), { timeout: 10_000 }).toHaveLength(1);
    const [start] = (await named('onUploadStart')) as { recordingId: string }[];
    await tab.page.evaluate(() => harness.unmount());
    await expect.poll(() => server.stateOf(`/${start?.recordingId}`), { timeout: 10_000 }).toBe('cancelled');
    await expect.poll(running, { timeout: 10_000 }).toEqual(['ended']);
    await tab.limit(0);
  });
});

test('C13 60 uploads at once: no task of the page over 50 ms', async () => {
  await using own = await openTab(browser, `${page.origin}/profiling`);
  await own.page.evaluate((url) => harness.mountList(url, 60, 20_000), server.url);
  await browser.startTracing(own.page, { categories: ['disabled-by-default-devtools.timeline'] });
  await own.page.getByRole('button', { name: 'Begin' }).click();
  const over = () => own.page.evaluate(() => harness.listState().filter((state) => state === 'completed').length);
  await expect.poll(over, { timeout: 30_000, interval: 100 }).toBe(60);
  const tasks = mainThreadTasks(await browser.stopTracing());
  const { commits, times }: Measured = await own.page.evaluate(() => harness.measured());
  const most = (values: readonly number[], share = 1) =>
    (values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? 0).toFixed(1);
  console.info(
    `${commits.length} commits with 60 rows: median ${most(commits, 0.5)} ms, 95 % ${most(commits, 0.95)} ms, longest ${most(commits)} ms; longest task ${most(tasks)} ms of the processor`,
  );
  expect(tasks.length).toBeGreaterThan(100);
  expect(tasks.filter((ms) => ms > 50)).toEqual([]);
  // Rows share their frames: never two commits within one.
  expect(times.filter((at, index) => at - (times[index - 1] ?? 0) < 1)).toEqual([]);
  expect(own.problems).toEqual([]);
});
