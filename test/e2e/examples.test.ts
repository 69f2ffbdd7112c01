/** The examples, each started by the command of its README, in a real Chromium against a real server. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Asset } from '@holdfast/protocol';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../packages/server/src/testing/free-port.ts';
import { ServerProcess } from './server-process.ts';
import { expectAccessible, launchChromium } from './web-browser.ts';

const run = promisify(execFile);
const root = new URL('../..', import.meta.url).pathname;
const bin = join(root, 'node_modules', '.bin');

let folder: string;
let server: ServerProcess;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-examples-'));
  [server, browser] = await Promise.all([
    ServerProcess.start({ env: { HOLDFAST_RESERVE_MB: '0', HOLDFAST_MAX_CHUNK_SIZE_MB: '1' } }),
    launchChromium(),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The first command in the example's README. */
async function commandOf(example: string): Promise<string[]> {
  const readme = await readFile(join(root, 'examples', example, 'README.md'), 'utf8');
  const [, line = ''] = /```sh\n(.+)\n/.exec(readme) ?? [];
  const [program = '', ...args] = line.split(' ');
  return program === 'npx' ? [join(bin, args[0] ?? ''), ...args.slice(1)] : [join(bin, program), ...args];
}

interface Served {
  readonly url: string;
  /** What it wrote. */
  said(): string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Where the server is, or where the one inside of the example keeps its files. */
function holdfastFor(example: string): Record<string, string> {
  if (example === 'express') return { HOLDFAST_DATA_DIR: join(folder, example), HOLDFAST_RESERVE_MB: '0' };
  return { HOLDFAST_URL: server.url };
}

/** Starts the example's own server; resolves with the address that it prints. */
async function serve(example: string): Promise<Served> {
  const [program = '', ...args] = await commandOf(example);
  const port = String(await freePort());
  const more = program.endsWith('vite') ? ['--port', port, '--strictPort'] : [];
  const child: ChildProcess = spawn(program, [...args, ...more], {
    cwd: root,
    env: { PATH: `${bin}:${process.env['PATH']}`, PORT: port, NO_COLOR: '1', ...holdfastFor(example) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (data: Buffer) => {
      said += data.toString();
      const [address] = /http:\/\/127\.0\.0\.1:\d+\//.exec(said) ?? [];
      if (address !== undefined) resolve(address);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('close', () => reject(new Error(`${example} ended: ${said}`)));
  });
  return {
    url,
    said: () => said,
    async [Symbol.asyncDispose]() {
      child.kill();
      await ended;
    },
  };
}

async function someFile(name: string): Promise<{ path: string; sha256: string }> {
  const bytes = randomBytes(2_500_000);
  const path = join(folder, name);
  await writeFile(path, bytes);
  return { path, sha256: createHash('sha256').update(bytes).digest('hex') };
}

const stored = (sha256: string) =>
  expect
    .poll(async () => (await fetch(`${server.url}/v1/assets/${sha256}`)).status, { timeout: 30_000, interval: 100 })
    .toBe(200);

async function openPage(url: string): Promise<Page> {
  // A context of its own, which axe needs.
  const page = await (await browser.newContext()).newPage();
  // Vite gives out modules one by one; nobody picks a file that fast.
  await page.goto(url, { waitUntil: 'networkidle' });
  return page;
}

test.each(['plain-html', 'uppy'])('%s', async (example) => {
  await using site = await serve(example);
  const page = await openPage(site.url);
  await expectAccessible(page);
  const { path, sha256 } = await someFile(`${example}.bin`);
  await page.locator('input[type=file]').setInputFiles(path);
  await page.getByText(example === 'uppy' ? `${example}.bin is stored` : `${example}.bin: completed`).waitFor();
  await stored(sha256);
  await page.context().close();
});

test('react', async () => {
  await using site = await serve('react');
  const page = await openPage(site.url);
  await expectAccessible(page);
  const path = join(folder, 'lecture.wav');
  await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-t', '5', '-i', 'sine=f=300', '-ar', '48000', '-ac', '2', path]);
  await page.locator('input[type=file]').setInputFiles(path);
  const link = page.getByRole('link', { name: /^Stored as recording/ });
  await link.waitFor();
  const address = (await link.getAttribute('href')) ?? '';
  const asset = await fetch(`${server.url}${address.replace(/\/content$/, '')}`);
  const { filename, size } = (await asset.json()) as Asset;
  // It was compressed on the way.
  expect(filename).toBe('lecture.webm');
  expect(size).toBeLessThan(100_000);
  await page.context().close();
});

test('node-script', async () => {
  const { path, sha256 } = await someFile('node.bin');
  const [program = '', ...args] = (await commandOf('node-script')).filter((word) => word !== 'FILE…');
  const env = { PATH: process.env['PATH'], HOLDFAST_URL: server.url };
  const { stdout } = await run(program, [...args, path], { cwd: root, env });
  expect(JSON.parse(stdout)).toMatchObject({ path, sha256, run: expect.stringMatching(/succeeded|failed/) });
  await stored(sha256);
});

test('express: people see what is theirs, and the application hears of it', async () => {
  await using site = await serve('express');
  const { path } = await someFile('mine.bin');
  const page = await openPage(site.url);
  await expectAccessible(page);
  await page.getByLabel('Name').fill('ana');
  await page.getByRole('button', { name: 'Sign in' }).click();
  // Nobody picks a file before the page's program has come.
  await page.getByLabel('Files').waitFor();
  await page.waitForLoadState('networkidle');
  await page.getByLabel('Files').setInputFiles(path);
  await page.getByText('mine.bin: completed, 100 %').waitFor();
  await expectAccessible(page);
  await page.getByRole('link', { name: 'What was made of them' }).click();
  await page.getByRole('link', { name: 'mine.bin' }).first().waitFor();
  await expect.poll(() => site.said()).toContain('upload.completed ana mine.bin');
  await page.context().close();

  const other = await openPage(site.url);
  await other.getByLabel('Name').fill('bob');
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByLabel('Files').waitFor();
  const list = await other.evaluate(async () => await (await fetch('/uploads/v1/assets')).json());
  expect(list).toMatchObject({ items: [] });
  await other.context().close();
});
