/**
 * Clients that people already have, unmodified, against the started server. What each of them was seen to do is the matrix of docs/clients.md:
 * the last test compares (`UPDATE_DOCS=1` writes it there). Needs the build (`tsc -b`).
 */
import { Readable } from 'node:stream';
import type { Browser } from 'playwright-core';
import { Upload } from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Sender } from './client-commands.ts';
import { ClientMatrix, type Feature, type Row } from './client-matrix.ts';
import { type ClientPage, serveClientPage } from './client-page.ts';
import type { Clients, UppyWish } from './client-page-entry.ts';
import { rows } from './client-rows.ts';
import { ClientServer, type Content } from './client-server.ts';
import { curlScripts } from './curl-scripts.ts';
import { driveTus, type TusOutcome, type TusWish } from './tus-js-driver.ts';
import { launchChromium, openTab, type Tab } from './web-browser.ts';

declare const clients: Clients;

const size = 600_001;
const part = 100_000;
const matrix = new ClientMatrix(Object.values(rows));

let browser: Browser;
let page: ClientPage;
let tab: Tab;
let server: ClientServer;

beforeAll(async () => {
  [browser, page] = await Promise.all([launchChromium(), serveClientPage()]);
  server = await ClientServer.start(page.origin);
  tab = await openTab(browser, page.origin);
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await page?.[Symbol.asyncDispose]();
});

type Send = (content: Content, wish: TusWish) => Promise<TusOutcome>;

const inPage: Send = (content, wish) =>
  tab.page.evaluate(([path, what]) => clients.tus(path, what), [page.offer(content.bytes), wish] as const);
const inNode: Send = ({ bytes }, wish) =>
  driveTus(Upload, wish.options.uploadLengthDeferred ? Readable.from([bytes]) : bytes, wish);

const runs: readonly { readonly name: string; readonly row: Row; readonly send: Send; readonly protocol: string }[] = [
  { name: 'tus in Chromium', row: rows.tusPage, send: inPage, protocol: 'tus-v1' },
  { name: 'tus in Node.js', row: rows.tusNode, send: inNode, protocol: 'tus-v1' },
  { name: 'ietf-draft-05 in Chromium', row: rows.draft6Page, send: inPage, protocol: 'ietf-draft-05' },
  { name: 'ietf-draft-05 in Node.js', row: rows.draft6Node, send: inNode, protocol: 'ietf-draft-05' },
  { name: 'ietf-draft-03 in Chromium', row: rows.draft5Page, send: inPage, protocol: 'ietf-draft-03' },
  { name: 'ietf-draft-03 in Node.js', row: rows.draft5Node, send: inNode, protocol: 'ietf-draft-03' },
];

/** Every combination that the client takes: parallel parts are of tus alone and know their length, deferred lengths need chunks. */
function combinations(protocol: string): TusWish['options'][] {
  const both = [false, true];
  return (protocol === 'tus-v1' ? [1, 4] : [1]).flatMap((parallelUploads) =>
    [Number.POSITIVE_INFINITY, part].flatMap((chunkSize) =>
      both.flatMap((uploadDataDuringCreation) =>
        both.flatMap((overridePatchMethod) =>
          both
            .filter((later) => !later || (parallelUploads === 1 && chunkSize === part))
            .map((uploadLengthDeferred) => ({
              protocol,
              parallelUploads,
              chunkSize,
              uploadDataDuringCreation,
              overridePatchMethod,
              uploadLengthDeferred,
            })),
        ),
      ),
    ),
  );
}

function shownBy(options: TusWish['options'], row: Row): Feature[] {
  const shown: Feature[] = [options.chunkSize === part ? 'chunks' : 'whole'];
  if (options.parallelUploads !== 1) shown.push('parallel');
  if (options.uploadDataDuringCreation) shown.push('with creation');
  if (options.uploadLengthDeferred) shown.push('length later');
  if (options.overridePatchMethod) shown.push('override');
  return row.can.includes('other origin') ? [...shown, 'other origin'] : shown;
}

describe.each(runs)('tus-js-client: $name', ({ row, send, protocol }) => {
  const endpoint = () => server.url + (protocol === 'tus-v1' ? '/files' : '/ietf-files');

  test.each(combinations(protocol))('%j', async (options) => {
    const content = server.content(size);
    const { url, sent, methods } = await send(content, { endpoint: endpoint(), options });
    expect(sent).toBe(size);
    expect(methods.includes('PATCH')).toBe(
      options.overridePatchMethod === false &&
        !(options.uploadDataDuringCreation && options.chunkSize !== part && !options.uploadLengthDeferred),
    );
    await server.expectStored(url, content);
    matrix.passed(row, ...shownBy(options, row));
  });

  test('goes on after it was stopped, with what is missing', async () => {
    const content = server.content(size);
    const wish = { endpoint: endpoint(), options: { protocol, chunkSize: part } };
    const stopped = await send(content, { ...wish, stopAt: 3 * part });
    expect(stopped.sent).toBe(3 * part);
    const { url, sent } = await send(content, { ...wish, resume: stopped.url });
    expect(url).toBe(stopped.url);
    expect(sent).toBeLessThanOrEqual(size - stopped.sent);
    await server.expectStored(url, content);
    matrix.passed(row, 'goes on');
  });

  test('cancels what it began', async () => {
    const content = server.content(size);
    const options = { protocol, chunkSize: part };
    const { url } = await send(content, { endpoint: endpoint(), options, stopAt: part, cancel: true });
    expect(await server.stateOf(url)).toBe('cancelled');
    matrix.passed(row, 'cancel');
  });
});

test('tus-js-client finds an upload in parallel parts in the storage of the browser and goes on', async () => {
  const content = server.content(size);
  const wish = { endpoint: `${server.url}/files`, options: { chunkSize: 20_000, parallelUploads: 4 } };
  const stopped = await inPage(content, { ...wish, stopAt: 60_000 });
  expect(stopped.sent).toBeLessThan(size);
  const { url, sent } = await inPage(content, { ...wish, resume: true });
  expect(sent).toBeLessThanOrEqual(size - stopped.sent);
  await server.expectStored(url, content);
});

describe('Uppy in Chromium', () => {
  const large = 6_000_000;
  const chunkSize = 500_000;
  const endpoint = () => `${server.url}/files`;
  const start = (path: string, wish: UppyWish) =>
    tab.page.evaluate(([content, what]) => clients.uppyStart(content, what), [path, wish] as const);
  const state = () => tab.page.evaluate(() => clients.uppyState());
  const done = () => tab.page.evaluate(() => clients.uppyDone());

  test.each([
    {},
    { chunkSize: part },
    { chunkSize: part, overridePatchMethod: true },
    { uploadDataDuringCreation: true },
    { parallelUploads: 4 },
  ])('%j', async (options) => {
    const content = server.content(size);
    await start(page.offer(content.bytes), { endpoint: endpoint(), options });
    await server.expectStored(await done(), content);
    const shown = { chunkSize: Number.POSITIVE_INFINITY, parallelUploads: 1, ...options };
    matrix.passed(rows.uppy, ...shownBy(shown, rows.uppy));
  });

  test('is paused and resumed', async () => {
    const content = server.content(large);
    await start(page.offer(content.bytes), { endpoint: endpoint(), options: { chunkSize }, pauseAt: 2_000_000 });
    await expect.poll(async () => (await state()).paused).toBe(true);
    const [upload] = await server.receiving();
    expect(upload?.receivedBytes).toBeGreaterThan(0);
    expect(upload?.receivedBytes).toBeLessThan(large);
    await tab.page.evaluate(() => clients.uppyResume());
    const url = await done();
    expect(url.endsWith(String(upload?.id))).toBe(true);
    await server.expectStored(url, content);
  });

  test('goes on after the page was reloaded in the middle, with what is missing', async () => {
    const content = server.content(large);
    const path = page.offer(content.bytes);
    await tab.limit(1_500_000);
    await start(path, { endpoint: endpoint(), options: { chunkSize } });
    await expect
      .poll(async () => (await server.receiving())[0]?.receivedBytes ?? 0, { interval: 20 })
      .toBeGreaterThan(chunkSize);
    await tab.page.reload();
    const [left] = await server.receiving();
    expect(left?.receivedBytes).toBeLessThan(large);
    await tab.limit(0);
    const offsets: number[] = [];
    tab.page.on('request', (request) => {
      if (request.method() === 'PATCH') offsets.push(Number(request.headers()['upload-offset']));
    });
    await start(path, { endpoint: endpoint(), options: { chunkSize } });
    const url = await done();
    expect(url.endsWith(String(left?.id))).toBe(true);
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(chunkSize);
    await server.expectStored(url, content);
    matrix.passed(rows.uppy, 'goes on');
  });

  test('cancels what it began', async () => {
    const content = server.content(large);
    await start(page.offer(content.bytes), { endpoint: endpoint(), options: { chunkSize }, pauseAt: 2_000_000 });
    await expect.poll(async () => (await state()).paused).toBe(true);
    const [upload] = await server.receiving();
    await tab.page.evaluate(() => clients.uppyCancel());
    await expect.poll(() => server.stateOf(String(upload?.id))).toBe('cancelled');
    matrix.passed(rows.uppy, 'cancel');
  });
});

describe('tuspy', () => {
  test.each([
    { chunkSize: 10_000_000, checksum: false, shown: ['whole'] },
    { chunkSize: part, checksum: false, shown: ['chunks'] },
    { chunkSize: part, checksum: true, shown: ['chunks', 'checksum'] },
  ] as const)('%j', async ({ chunkSize, checksum, shown }) => {
    const content = server.content(size);
    await using sender = await Sender.with(content.bytes, server.url);
    const { url, began } = await sender.tuspy(chunkSize, checksum);
    expect(began).toBe(0);
    await server.expectStored(url, content);
    matrix.passed(rows.tuspy, ...shown);
  });

  test('goes on in another process, with checksums', async () => {
    const content = server.content(size);
    await using sender = await Sender.with(content.bytes, server.url);
    const left = await sender.tuspy(part, true, 2);
    expect(await sender.tuspy(part, true)).toEqual({ url: left.url, began: 2 * part, offset: size });
    await server.expectStored(left.url, content);
    matrix.passed(rows.tuspy, 'goes on');
  });
});

describe.each(Object.entries(curlScripts) as [keyof typeof curlScripts, Partial<Record<Feature, string>>][])(
  'curl: %s',
  (name, scripts) => {
    test.each(Object.entries(scripts) as [Feature, string][])('%s', async (feature, script) => {
      const content = server.content(/form|recordings/.test(name) ? 11_000_000 : 2_500_000);
      await using sender = await Sender.with(content.bytes, server.url);
      const upload = await sender.curl(script);
      if (feature === 'cancel') expect(await server.stateOf(upload)).toBe('cancelled');
      else await server.expectStored(upload, content);
      matrix.passed(rows[name], feature);
    });
  },
);

test('no client logged an error in the page', () => {
  expect(tab.problems).toEqual([]);
});

test('docs/clients.md has what this run has seen, all of it and nothing else', async () => {
  expect(matrix.open).toEqual([]);
  await matrix.expectInDocument();
});
