/** C10: browsers that send straight to the bucket: our client in Chromium, page, server and bucket each of another origin. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { UploadList } from '@holdfast/protocol';
import type { Browser } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { S3Stub } from '../../packages/server/src/testing/s3-stub/stub.ts';
import { RunningNode } from '../../packages/server/test/running-node.ts';
import type { DirectPage, UppyWish } from './direct-page-entry.ts';
import { launchChromium, openTab, type Tab } from './web-browser.ts';

declare const direct: DirectPage;

const MiB = 1024 ** 2;
let stub: S3Stub;
let node: RunningNode;
let pages: Server;
let origin: string;
let browser: Browser;
let tab: Tab;
const before = { ...process.env };

beforeAll(async () => {
  [stub, browser, pages] = await Promise.all([S3Stub.start(), launchChromium(), servePage()]);
  process.env['AWS_ACCESS_KEY_ID'] = stub.credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = stub.credentials.secretAccessKey;
  origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  const bucket = { blobs: `s3://${stub.bucket}/files`, s3Endpoint: stub.endpoint, s3PathStyle: true };
  node = await RunningNode.start({ config: { ...bucket, s3Direct: true, corsOrigins: [origin] } });
  tab = await openTab(browser, origin);
});
afterAll(async () => {
  await browser?.close();
  await node?.close();
  await stub?.stop();
  pages?.closeAllConnections();
  pages?.close();
  process.env = before;
});

async function servePage(): Promise<Server> {
  const input = fileURLToPath(new URL('./direct-page-entry.ts', import.meta.url));
  await using build = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await build.generate({ format: 'iife' });
  const server = createServer((request, response) => {
    const script = request.url === '/page.js';
    response.writeHead(200, { 'content-type': script ? 'text/javascript' : 'text/html; charset=utf-8' });
    response.end(
      script ? output[0].code : '<!doctype html><link rel="icon" href="data:,"><script src="/page.js"></script>',
    );
  });
  return await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** PUTs that came to the bucket from the page since `from`; what the server writes itself goes elsewhere. */
const fromPage = (from: number) =>
  stub.seen.slice(from).filter(({ operation, key }) => operation === 'PutObject' && key.startsWith('files/arriving/'));
const begin = (bytes: number) =>
  tab.page.evaluate(([url, size, chunk]) => direct.begin(url, size, chunk), [node.url, bytes, MiB] as const);
const done = () => tab.page.evaluate(() => direct.done());

test('C10: the client sends every chunk to the bucket, also after a pause', async () => {
  const from = stub.seen.length;
  await begin(6 * MiB + 5);
  await tab.page.evaluate(() => direct.pauseAndResume());
  const { sha256, expected, fell } = await done();
  expect(sha256).toBe(expected);
  expect(fell).toBe(0);
  const keys = fromPage(from).map(({ key }) => key);
  expect(new Set(keys).size).toBe(6);
  // The last 5 bytes are not worth an address: the server has them in its database.
  expect(keys.some((key) => key.endsWith('chunk-6'))).toBe(false);
  expect([...stub.store.objects.keys()].filter((key) => /arriving|incoming/.test(key))).toEqual([]);
});

test('C10: a bucket that fails in the middle: what was not sent goes to the server', async () => {
  const from = stub.seen.length;
  let puts = 0;
  stub.fault = ({ operation, key }) =>
    operation === 'PutObject' && key.includes('/arriving/') && ++puts > 2
      ? { kind: 'refuse', status: 503, code: 'SlowDown' }
      : null;
  await begin(6 * MiB);
  const { sha256, expected } = await done();
  stub.fault = () => null;
  expect(sha256).toBe(expected);
  expect(fromPage(from).length).toBeLessThan(6);
});

const uppy = (wish: UppyWish) =>
  tab.page.evaluate(([url, what]) => direct.uppy(url, what), [`${node.url}/companion`, wish] as const);

test.each([{}, { pauseAt: 7 * MiB }])('C10: Uppy sends a file in parts to the bucket: %j', async (wish) => {
  const from = stub.seen.length;
  const { url, expected, error } = await uppy({ bytes: 12 * MiB + 7, shouldUseMultipart: true, ...wish });
  expect(error).toBe('');
  expect(new Set(fromPage(from).map(({ key }) => key.slice(-6)))).toEqual(new Set(['part-1', 'part-2', 'part-3']));
  const upload = await node.status(String(url).split('/').at(-1) ?? '');
  expect(upload).toMatchObject({ state: 'completed', sha256: expected, size: 12 * MiB + 7, filename: 'film.mp4' });
  expect([...stub.store.objects.keys()].filter((key) => /arriving|incoming/.test(key))).toEqual([]);
});

test('C10: Uppy cancels what it began, and nothing of it is left', async () => {
  await uppy({ bytes: 12 * MiB, shouldUseMultipart: true, pauseAt: 6 * MiB, cancel: true });
  const newest = async () => (await node.json<UploadList>('GET', '/v1/uploads?limit=1')).body.items[0]?.state;
  await expect.poll(newest).toBe('cancelled');
  await expect.poll(() => [...stub.store.objects.keys()].filter((key) => key.includes('arriving'))).toEqual([]);
});

test('C10: Uppy without shouldUseMultipart is told what to set', async () => {
  const { url, error } = await uppy({ bytes: 1_000, shouldUseMultipart: false });
  expect(url).toBeNull();
  expect(error).toContain('Set shouldUseMultipart: true');
});

test('C10: a bucket without CORS rules: the browser refuses, and the file goes to the server', async () => {
  const from = stub.seen.length;
  stub.cors = false;
  await tab.page.reload();
  await begin(4 * MiB);
  const { sha256, expected } = await done();
  stub.cors = true;
  expect(sha256).toBe(expected);
  expect(fromPage(from)).toEqual([]);
  expect(tab.problems.some((problem) => problem.includes('CORS'))).toBe(true);
});
