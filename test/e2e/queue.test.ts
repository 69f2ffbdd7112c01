/** The upload queue in a real Chromium that is killed, cut off, filled up, against a real server process. Needs the build (`npm run compile`). */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QueueItem } from '@holdfast/client/queue';
import type { Asset, UploadList } from '@holdfast/protocol';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { FaultProxy } from '../../packages/client/test/fault-proxy.ts';
import { ProfiledBrowser, type QueuePageServer, serveQueuePage } from './queue-browser.ts';
import { ServerProcess } from './server-process.ts';

const MiB = 2 ** 20;
let pages: QueuePageServer;
let server: ServerProcess;
let browser: ProfiledBrowser;
let proxy: FaultProxy;
let folder: string;
let databases = 0;
let databaseName: string;

beforeAll(async () => {
  [pages, browser, folder] = await Promise.all([
    serveQueuePage(),
    ProfiledBrowser.start(),
    mkdtemp(join(tmpdir(), 'holdfast-queue-')),
  ]);
  server = await ServerProcess.start({ env: { HOLDFAST_CORS_ORIGINS: pages.origin, HOLDFAST_RESERVE_MB: '0' } });
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await server?.close();
  await pages?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  proxy = await FaultProxy.start(server.port);
  databases += 1;
  databaseName = `queue-${databases}`;
});

afterEach(async () => {
  for (const page of browser.context.pages()) await page.close();
  await proxy[Symbol.asyncDispose]();
});

/** A page with the queue of this test. */
async function openPage(options: Record<string, unknown> = {}): Promise<Page> {
  const page = await browser.open(pages.origin);
  await page.evaluate((wish) => window.page.open(wish), { endpoint: proxy.url, databaseName, ...options });
  return page;
}

/** A file of random bytes, with its SHA-256. */
async function fileOf(name: string, bytes: number): Promise<{ path: string; sha256: string }> {
  const path = join(folder, name);
  const out = createWriteStream(path);
  const hash = createHash('sha256');
  const random = createReadStream('/dev/urandom', { end: bytes - 1, highWaterMark: MiB });
  for await (const piece of random as AsyncIterable<Buffer>) {
    hash.update(piece);
    if (!out.write(piece)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
  return { path, sha256: hash.digest('hex') };
}

/** Selects files where they lie; Playwright would copy them over the wire. */
async function pick(page: Page, ...paths: string[]): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  const { root } = await devtools.send('DOM.getDocument');
  const { nodeId } = await devtools.send('DOM.querySelector', { nodeId: root.nodeId, selector: 'input' });
  await devtools.send('DOM.setFileInputFiles', { nodeId, files: paths });
  await devtools.detach();
}

const itemOf = (page: Page, name: string) =>
  page.evaluate((wanted) => window.page.items().find((item) => item.filename === wanted), name);

async function reaches(
  page: Page,
  name: string,
  what: (item: QueueItem) => boolean,
  timeout = 40_000,
): Promise<QueueItem> {
  let item: QueueItem | undefined;
  await expect
    .poll(
      async () => {
        item = await itemOf(page, name);
        return item !== undefined && what(item);
      },
      { timeout, interval: 40, message: `${name} ${String(what)}` },
    )
    .toBe(true);
  return item as QueueItem;
}

const status = (wanted: QueueItem['status']) => (item: QueueItem) => item.status === wanted;
const acknowledged = (bytes: number) => (item: QueueItem) => item.bytesAcknowledged >= bytes;
const completed = (page: Page, name: string) => reaches(page, name, status('completed'));

async function assetOf(sha256: string): Promise<Asset> {
  const answer = await fetch(`${server.url}/v1/assets/${sha256}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Asset;
}

async function uploadsNamed(filename: string): Promise<UploadList['items']> {
  const answer = await fetch(`${server.url}/v1/uploads?filename=${encodeURIComponent(filename)}`);
  return ((await answer.json()) as UploadList).items;
}

test('C14: the browser is killed during an upload of 200 MB: opened again, it finishes without a person', async () => {
  const size = 200 * MiB;
  const { path, sha256 } = await fileOf('lecture.bin', size);
  proxy.pieceDelayMs = 2;
  const page = await openPage();
  await pick(page, path);
  const id = await page.evaluate(() => window.page.addPicked({ config: { chunkSize: 4 * 2 ** 20 } }));
  expect(id).toHaveLength(1);
  await reaches(page, 'lecture.bin', acknowledged(size / 4));
  await browser.kill();
  const before = proxy.bytesFromClients;
  expect(before).toBeLessThan(size);

  await browser.run();
  await rm(path);
  proxy.pieceDelayMs = 0;
  const again = await openPage();
  const shown = await itemOf(again, 'lecture.bin');
  expect(shown?.bytesAcknowledged).toBeGreaterThanOrEqual(size / 4 - 32 * MiB);
  const done = await completed(again, 'lecture.bin');
  expect(done).toMatchObject({ id: id[0], sha256, keeping: 'released', progress: 1 });
  expect((await assetOf(sha256)).size).toBe(size);
  expect(await uploadsNamed('lecture.bin')).toHaveLength(1);
  // Chunks that were on their way when it was killed go twice, nothing else.
  expect(proxy.bytesFromClients).toBeLessThan(size + 24 * MiB);
  await expect.poll(() => again.evaluate(() => window.page.usage()), { timeout: 5_000 }).toBeLessThan(8 * MiB);
});
