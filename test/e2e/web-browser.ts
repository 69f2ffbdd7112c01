/** What the tests of the web page share: a real Chromium, films to drop, a slow line. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const run = promisify(execFile);
const images = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs', 'images');

export function launchChromium(): Promise<Browser> {
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet],
  });
}

export interface Tab {
  readonly page: Page;
  /** Errors that the page threw or logged; requests that failed are not among them: a server that is away is no bug. */
  readonly problems: string[];
  /** Indexes of the chunks that were sent, in order. */
  readonly chunksSent: number[];
  /** Bytes per second that the line takes from now on; 0 for no limit. */
  limit(bytesPerSecond: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openTab(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  const chunksSent: number[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      problems.push(message.text());
  });
  page.on('request', (request) => {
    const index =
      request.method() === 'PUT' ? /\/chunks\/(\d+)$/.exec(new URL(request.url()).pathname)?.[1] : undefined;
    if (index !== undefined) chunksSent.push(Number(index));
  });
  // The page asks before it is left with uploads under way.
  page.on('dialog', (dialog) => void dialog.accept());
  // Choosers are only caught once the browser was told; asking for one in the moment of the key press is too late.
  page.on('filechooser', () => {});
  const devtools = await context.newCDPSession(page);
  await page.goto(url);
  return {
    page,
    problems,
    chunksSent,
    async limit(bytesPerSecond) {
      const uploadThroughput = bytesPerSecond === 0 ? -1 : bytesPerSecond;
      const conditions = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput };
      await devtools.send('Network.enable');
      await devtools.send('Network.emulateNetworkConditions', conditions);
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

export interface Films {
  readonly folder: string;
  /** Three shots with cuts, and sound; about 16 MB. */
  readonly film: string;
  readonly sha256: string;
  /** Shorter ones, and a sound, to fill a library. */
  readonly gallery: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** A gradient, a fractal and a test card, one after the other; noise makes them large, so that sending them takes a while. */
export async function makeFilms(): Promise<Films> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-films-'));
  const film = join(folder, 'harbour.mp4');
  const shots = [
    'gradients=s=640x360:c0=#0b2b40:c1=#e07a3f:c2=#f3c98b:n=3:seed=3',
    'mandelbrot=s=640x360:start_scale=0.6:end_scale=0.05:end_pts=200:maxiter=200',
    'testsrc2=s=640x360',
  ];
  const inputs = shots.flatMap((shot) => ['-f', 'lavfi', '-t', '2', '-i', shot]);
  const noisy = shots.map((_, i) => `[${i}]fps=25,scale=1280:720,setsar=1,noise=alls=12:allf=t,format=yuv420p[v${i}]`);
  const joined = `${shots.map((_, i) => `[v${i}]`).join('')}concat=n=${shots.length}[v]`;
  await run('ffmpeg', [
    ...['-v', 'error', '-y', ...inputs, '-f', 'lavfi', '-t', '6', '-i', 'sine=f=220,tremolo=f=0.5:d=0.9'],
    ...['-filter_complex', [...noisy, joined].join(';'), '-map', '[v]', '-map', `${shots.length}`],
    ...[
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-b:v',
      '22M',
      '-maxrate',
      '22M',
      '-bufsize',
      '22M',
      '-c:a',
      'aac',
      film,
    ],
  ]);
  const gallery = await makeGallery(folder, film);
  const sha256 = createHash('sha256')
    .update(await readFile(film))
    .digest('hex');
  return { folder, film, sha256, gallery, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

async function makeGallery(folder: string, film: string): Promise<string[]> {
  const speech = join(folder, 'lecture 4, tides.m4a');
  // Rises and falls like somebody who speaks, with a pause in the middle.
  const volume = 'abs(sin(t*1.3))*(0.4+0.6*abs(sin(t*0.37)))*(1-between(t,17,20))';
  await run('ffmpeg', [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-t',
    '38',
    '-i',
    `sine=f=180,volume='${volume}':eval=frame`,
    speech,
  ]);
  const cuts = [
    { name: 'interview take 3.mp4', from: '1', to: '3.4' },
    { name: 'B-roll, fractal coast.mp4', from: '2.1', to: '4' },
    { name: 'test card.mp4', from: '4', to: '5.5' },
  ];
  const small = ['-vf', 'scale=640:-2', '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac'];
  for (const { name, from, to } of cuts) {
    await run('ffmpeg', ['-v', 'error', '-i', film, '-ss', from, '-to', to, ...small, join(folder, name)]);
  }
  return [speech, ...cuts.map(({ name }) => join(folder, name))];
}

/** Accessibility: no violation that axe can find on what is shown now. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const said = violations.map(({ id, help, nodes }) => ({
    id,
    help,
    where: nodes.map((node) => node.html).slice(0, 3),
  }));
  expect(said).toEqual([]);
}

/** Looks that are taken for the documentation and show nothing that others do not. */
export function picturesOnly<T>(looks: readonly T[]): readonly T[] {
  return process.env['UPDATE_SCREENSHOTS'] === '1' ? looks : [];
}

/** Pictures for the documentation; only when they are asked for, so that a test run changes no files. */
export async function picture(page: Page, name: string): Promise<void> {
  if (process.env['UPDATE_SCREENSHOTS'] !== '1') return;
  await mkdir(images, { recursive: true });
  // Colours that fade into those of the dark.
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(images, `${name}.png`) });
}
