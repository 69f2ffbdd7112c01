/** The upload queue in a real Chromium that is killed, cut off, filled up, against a real server process. Needs the build (`npm run compile`). */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { appendFile, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QueueItem } from '@holdfast/client/queue';
import type { Asset, UploadList } from '@holdfast/protocol';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { FaultProxy } from '../../packages/client/test/fault-proxy.ts';
import { mainThreadTasks } from './page-tasks.ts';
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
/** Other origins of the same page. */
let roomless: readonly [string, string];

beforeAll(async () => {
  [pages, browser, folder] = await Promise.all([
    serveQueuePage(),
    ProfiledBrowser.start(),
    mkdtemp(join(tmpdir(), 'holdfast-queue-')),
  ]);
  const { port } = new URL(pages.origin);
  roomless = [`http://room-1.localhost:${port}`, `http://room-2.localhost:${port}`];
  const origins = [pages.origin, ...roomless].join(',');
  const env = { HOLDFAST_CORS_ORIGINS: origins, HOLDFAST_RESERVE_MB: '0', HOLDFAST_PIPELINE: 'false' };
  server = await ServerProcess.start({ env });
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
  // The bytes are let go; the browser gives the disk back when nothing refers to them any more.
  await expect.poll(() => again.evaluate((name) => window.page.countBlobs(name), databaseName)).toBe(0);
});

test('C14, C18: cut connections and a killed server cost only the chunks that were on their way', async () => {
  const size = 24 * MiB;
  const { path, sha256 } = await fileOf('cut.bin', size);
  // One seed, so that a failure can be repeated.
  let seed = 7;
  proxy.nextPlan = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % 3 === 0 ? { afterBytes: seed % (2 * MiB), fault: 'reset' } : null;
  };
  proxy.pieceDelayMs = 1;
  const page = await openPage({ chunkSize: MiB });
  await pick(page, path);
  await page.evaluate(() => window.page.addPicked());
  await reaches(page, 'cut.bin', acknowledged(size / 4));
  await server.kill('SIGKILL');
  await reaches(page, 'cut.bin', status('waiting'));
  proxy.pieceDelayMs = 0;
  await server.run();
  const done = await completed(page, 'cut.bin');
  expect(done).toMatchObject({ sha256, retries: 0, error: null });
  expect(proxy.cuts).toBeGreaterThan(2);
  expect(await uploadsNamed('cut.bin')).toHaveLength(1);
});

test('C14: two tabs: one sends, the other shows and commands; when the first crashes the second goes on, and nothing goes twice', async () => {
  const size = 24 * MiB;
  const { path, sha256 } = await fileOf('tabs.bin', size);
  proxy.pieceDelayMs = 3;
  const first = await openPage({ chunkSize: MiB });
  await expect.poll(() => first.evaluate(() => window.page.queue.snapshot.role)).toBe('leader');
  const second = await openPage({ chunkSize: MiB });
  expect(await second.evaluate(() => window.page.queue.snapshot.role)).toBe('follower');
  // Added in the tab that does not send.
  await pick(second, path);
  const [id = ''] = await second.evaluate(() => window.page.addPicked());
  await reaches(second, 'tabs.bin', acknowledged(2 * MiB));
  expect(await itemOf(first, 'tabs.bin')).toMatchObject({ id });
  await second.evaluate((paused) => window.page.queue.pause(paused), id);
  await reaches(first, 'tabs.bin', status('paused'));
  await reaches(second, 'tabs.bin', status('paused'));
  await second.evaluate((paused) => window.page.queue.resume(paused), id);
  await reaches(second, 'tabs.bin', acknowledged(6 * MiB));

  const crashed = first.waitForEvent('crash');
  const devtools = await first.context().newCDPSession(first);
  void devtools.send('Page.crash').catch(() => {});
  await crashed;
  await expect.poll(() => second.evaluate(() => window.page.queue.snapshot.role)).toBe('leader');
  proxy.pieceDelayMs = 0;
  expect(await completed(second, 'tabs.bin')).toMatchObject({ id, sha256 });
  expect(await uploadsNamed('tabs.bin')).toHaveLength(1);
  expect(proxy.bytesFromClients).toBeLessThan(size + 8 * MiB);
  const heard = await second.evaluate(() => window.page.heard);
  expect(heard.filter((event) => event.startsWith('upload-completed'))).toHaveLength(1);
  expect(heard).toContain('upload-paused tabs.bin');
});

test('C14: all of many cancelled at once: nothing is begun any more, and nothing of them stays on the server', async () => {
  proxy.pieceDelayMs = 100;
  const page = await openPage();
  await page.evaluate(() => {
    const seeds = Array.from({ length: 40 }, (_, seed) => seed);
    return Promise.all(
      seeds.map((seed) => window.page.addBytes(300_000, 100 + seed, { filename: `unwanted ${seed}` })),
    );
  });
  const sending = () => page.evaluate(() => window.page.items().filter(({ status }) => status === 'uploading').length);
  await expect.poll(sending, { timeout: 20_000, interval: 20 }).toBeGreaterThan(0);
  const before = await page.evaluate(async () => {
    const ids = window.page.items().map(({ id }) => id);
    const begun = window.page.items().filter(({ uploadId }) => uploadId !== null).length;
    await Promise.all(ids.map((id) => window.page.queue.remove(id)));
    return begun;
  });
  expect(await page.evaluate(() => window.page.items())).toEqual([]);
  const unwanted = async () => {
    const answer = (await (await fetch(`${server.url}/v1/uploads?limit=200`)).json()) as UploadList;
    return answer.items.filter(({ filename }) => filename.startsWith('unwanted'));
  };
  const open = async () => (await unwanted()).filter(({ state }) => state === 'receiving' || state === 'paused').length;
  await expect.poll(open, { timeout: 10_000 }).toBe(0);
  // Those that were on their way.
  expect((await unwanted()).length).toBeLessThanOrEqual(before + 4);
});

test('C14: offline for a while, and a leader that closes its page', async () => {
  const first = await openPage({ chunkSize: MiB });
  const second = await openPage({ chunkSize: MiB });
  proxy.pieceDelayMs = 3;
  await first.evaluate(() => window.page.addBytes(12 * 2 ** 20, 3, { filename: 'offline.bin' }));
  await reaches(second, 'offline.bin', acknowledged(MiB));
  await first.close();
  await reaches(second, 'offline.bin', acknowledged(3 * MiB));
  await browser.context.setOffline(true);
  proxy.cutAll();
  await reaches(second, 'offline.bin', (item) => item.waiting?.reason === 'offline');
  await browser.context.setOffline(false);
  expect(await completed(second, 'offline.bin')).toMatchObject({ retries: 0 });
});

/** A page of an origin that may store hardly anything, and never did: the browser looks at the quota of an open database now and then only. */
async function openRoomless(origin: string): Promise<Page> {
  const page = await browser.open(origin);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 4 * MiB });
  await page.evaluate((wish) => window.page.open(wish), { endpoint: proxy.url, databaseName, chunkSize: MiB });
  return page;
}

test('C14, C17: no room: sent from memory, asked for after a reload, recognised, and another file refused', async () => {
  const size = 12 * MiB;
  const { path, sha256 } = await fileOf('roomless.bin', size);
  const other = await fileOf('other.bin', size);
  const [origin] = roomless;
  const page = await openRoomless(origin);
  proxy.pieceDelayMs = 3;
  await pick(page, path);
  const [id = ''] = await page.evaluate(() => window.page.addPicked());
  expect(await itemOf(page, 'roomless.bin')).toMatchObject({ keeping: 'memory' });
  const { uploadId } = await reaches(page, 'roomless.bin', acknowledged(2 * MiB));
  await page.close();

  const again = await browser.open(origin);
  await again.evaluate((wish) => window.page.open(wish), { endpoint: proxy.url, databaseName, chunkSize: MiB });
  const asked = await reaches(again, 'roomless.bin', status('needs-reselect'));
  expect(asked).toMatchObject({ id, uploadId });
  await pick(again, other.path);
  expect(await again.evaluate((wanted) => window.page.provide(wanted), id)).toBe('resume-mismatch');
  proxy.pieceDelayMs = 0;
  await pick(again, path);
  // Added like a new one: the queue knows it.
  expect(await again.evaluate(() => window.page.addPicked())).toEqual([id]);
  expect(await completed(again, 'roomless.bin')).toMatchObject({ id, uploadId, sha256 });
  // What the server had was not sent again.
  expect(proxy.bytesFromClients).toBeLessThan(size + 4 * MiB);
});

test('C14, C17: a file that changes on disk while it is sent from there is asked for again', async () => {
  const { path } = await fileOf('changing.bin', 12 * MiB);
  const page = await openRoomless(roomless[1]);
  proxy.pieceDelayMs = 3;
  await pick(page, path);
  const [id = ''] = await page.evaluate(() => window.page.addPicked());
  await reaches(page, 'changing.bin', acknowledged(MiB));
  await appendFile(path, 'more');
  const asked = await reaches(page, 'changing.bin', status('needs-reselect'));
  expect(asked.error).toMatchObject({ type: 'validation', code: 'source-unreadable', retryable: false });
  await page.evaluate((gone) => window.page.queue.remove(gone), id);
  await expect.poll(() => itemOf(page, 'changing.bin')).toBeUndefined();
});

test('C14, C17: a file without room that could not be read for a while goes on once it is selected again, in the tab that has it or another one', async () => {
  for (const [index, selectsElsewhere] of [false, true].entries()) {
    const name = `touched-${index}.bin`;
    const { path, sha256 } = await fileOf(name, 12 * MiB);
    const sender = await openRoomless(roomless[1]);
    const follower = await browser.open(roomless[1]);
    await follower.evaluate((wish) => window.page.open(wish), { endpoint: proxy.url, databaseName, chunkSize: MiB });
    proxy.pieceDelayMs = 3;
    const holder = selectsElsewhere ? follower : sender;
    await pick(holder, path);
    const [id = ''] = await holder.evaluate(() => window.page.addPicked());
    await reaches(sender, name, acknowledged(MiB));
    // The same bytes: a share that went away and came back, or a program that wrote what was there already.
    await utimes(path, new Date(), new Date(1_700_000_000_000));
    await reaches(sender, name, status('needs-reselect'));
    await reaches(follower, name, status('needs-reselect'));
    proxy.pieceDelayMs = 0;
    await pick(sender, path);
    expect(await sender.evaluate((wanted) => window.page.provide(wanted), id)).toBeNull();
    expect(await completed(sender, name)).toMatchObject({ id, sha256 });
    await sender.close();
    await follower.close();
  }
});

test('C13: a recording goes on after its tab crashed, as a recording on the server', async () => {
  const page = await openPage({ target: 'recording' });
  const id = await page.evaluate(() =>
    window.page.record({ asignatura: 'Cardiología', tema: 'Arritmias', profesor_text: '' }),
  );
  await page.evaluate(async () => {
    for (let i = 0; i < 5; i += 1) await window.page.recording?.append(new Blob([new Uint8Array(50_000).fill(i)]));
  });
  const watching = await openPage({ target: 'recording' });
  await reaches(watching, 'recording.webm', status('recording'));
  const crashed = page.waitForEvent('crash');
  const devtools = await page.context().newCDPSession(page);
  void devtools.send('Page.crash').catch(() => {});
  await crashed;
  const done = await completed(watching, 'recording.webm');
  const expected = createHash('sha256');
  for (let i = 0; i < 5; i += 1) expected.update(Buffer.alloc(50_000, i));
  expect(done).toMatchObject({ id, size: 250_000, sha256: expected.digest('hex') });
  const answer = await fetch(`${server.url}/api/v1/recordings/${done.recordingId}`);
  expect(await answer.json()).toMatchObject({ asignatura: 'Cardiología', tema: 'Arritmias', estado: 'completado' });
  expect((await fetch(done.finalUrl ?? '')).status).toBe(200);
});

test('C13: 500 files at once: the page stays responsive, and they complete in order', async () => {
  const page = await openPage();
  const devtools = await page.context().newCDPSession(page);
  // Of the page's thread only: this machine may be busy with others.
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const threadMs = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    return 1_000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0);
  };
  const chromium = page.context().browser();
  await page.evaluate(() => {
    const files = Array.from({ length: 500 }, (_, i) => window.page.file(2_000, i, `small-${i}.bin`));
    Object.assign(window, { files });
  });
  await chromium?.startTracing(page, { categories: ['disabled-by-default-devtools.timeline'] });
  const before = await threadMs();
  const commits = page.evaluate(async () => {
    const { page: it } = window;
    let count = 0;
    it.queue.subscribe(() => {
      count += 1;
    });
    const completed = new Promise<void>((resolve) => {
      it.queue.on('queue-changed', ({ metrics }) => {
        if (metrics.completed === 500) resolve();
      });
    });
    const files: Blob[] = Reflect.get(window, 'files');
    const adding = Promise.all(files.map((file) => it.queue.addUpload(file)));
    Object.assign(window, { adding });
    await adding;
    await completed;
    return count;
  });
  // While they are added and the first ones are sent: what comes after that is the same again and again, and tracing slows it.
  await page.evaluate(() =>
    Promise.race([Reflect.get(window, 'adding'), new Promise((end) => setTimeout(end, 5_000))]),
  );
  const tasks = mainThreadTasks((await chromium?.stopTracing()) ?? Buffer.from('{"traceEvents":[]}'));
  const msPerCommit = ((await commits.then(threadMs)) - before) / (await commits);
  const heard = await page.evaluate(() => window.page.heard.filter((event) => event.startsWith('upload-completed')));
  const order = heard.map((event) => Number(/small-(\d+)/.exec(event)?.[1]));
  // Several are on their way at once; none waits for those that came long after it.
  expect(Math.max(...order.map((file, place) => Math.abs(file - place)))).toBeLessThan(30);
  console.log(
    `500 files: ${msPerCommit.toFixed(1)} ms of the page's thread per commit; the longest of ${tasks.length} tasks ${Math.max(...tasks).toFixed(1)} ms`,
  );
  expect(tasks.length).toBeGreaterThan(500);
  expect(tasks.filter((ms) => ms > 50)).toEqual([]);
  expect(msPerCommit).toBeLessThan(50);
  expect(await page.evaluate(() => window.page.queue.metrics())).toMatchObject({
    ...{ total: 500, completed: 500, failed: 0, active: 0, successRate: 1, averageRetries: 0 },
    bytes: 1_000_000,
  });
});

test('C14: priorities, owners, and what is wiped at sign-out', async () => {
  const page = await openPage({ owner: 'ana', activeMax: 1, parallel: 1 });
  proxy.pieceDelayMs = 3;
  await page.evaluate(async () => {
    const { page: it } = window;
    await it.addBytes(3 * 2 ** 20, 90, { filename: 'low.bin', priority: 'low', config: { chunkSize: 2 ** 20 } });
    await it.addBytes(300_000, 91, { filename: 'low-2.bin', priority: 'low' });
    await it.addBytes(300_000, 92, { filename: 'urgent.bin', priority: 'urgent' });
  });
  await completed(page, 'low-2.bin');
  const ends = (await page.evaluate(() => window.page.heard)).filter((event) => event.startsWith('upload-completed'));
  expect(ends).toEqual(['urgent.bin', 'low.bin', 'low-2.bin'].map((name) => `upload-completed ${name}`));

  const refusal = page.evaluate(() => window.page.addBytes(1, 1, { maxRetries: -1 }));
  await expect(refusal).rejects.toThrow('maxRetries');
  await page.evaluate(async () => {
    const id = await window.page.addBytes(9_000_000, 93, { filename: 'private.bin' });
    await window.page.queue.pause(id);
  });
  const others = await openPage({ owner: 'ben' });
  expect(await others.evaluate(() => window.page.items())).toEqual([]);
  await others.evaluate(() => window.page.queue.clear({ owner: 'ana' }));
  await expect.poll(() => page.evaluate(() => window.page.items())).toEqual([]);
  await page.reload();
  await page.evaluate((wish) => window.page.open(wish), { endpoint: proxy.url, databaseName, owner: 'ana' });
  expect(await page.evaluate(() => [window.page.items().length, window.page.queue.metrics().total])).toEqual([0, 0]);
});

test('C14: what another tab stored in the moment in which everything was wiped is wiped as well; what was begun since stays', async () => {
  const page = await openPage({ owner: 'ana' });
  proxy.pieceDelayMs = 50;
  const other = await openPage({ owner: 'ben' });
  const [early, at] = await page.evaluate(async () => {
    const id = await window.page.addBytes(9_000_000, 94, { filename: 'early.bin' });
    const time = Date.now();
    while (Date.now() === time) await new Promise((wait) => setTimeout(wait, 1));
    await window.page.addBytes(9_000_000, 95, { filename: 'later.bin' });
    return [id, time] as const;
  });
  // As of a tab whose wiping came before the record of the first.
  await other.evaluate(
    ([name, time]) => new BroadcastChannel(`${name}:ana`).postMessage({ kind: 'cleared', ids: [], at: time }),
    [databaseName, at] as const,
  );
  const names = () => page.evaluate(() => window.page.items().map(({ filename }) => filename));
  await expect.poll(names).toEqual(['later.bin']);
  expect(await page.evaluate(() => window.page.heard)).toContain('upload-removed early.bin');
  await page.reload();
  await page.evaluate((wish) => window.page.open(wish), { endpoint: proxy.url, databaseName, owner: 'ana' });
  expect(await names()).toEqual(['later.bin']);
  expect(early).not.toBe('');
});

test('C14, C17: a command that no tab has answered ends when its own queue is closed', async () => {
  const leader = await browser.open(pages.origin);
  // One that leads and does not answer.
  await leader.evaluate(
    (name) =>
      new Promise<void>((held) => {
        void navigator.locks.request(`${name}:default:leader`, () => {
          held();
          return new Promise(() => {});
        });
      }),
    databaseName,
  );
  const page = await openPage();
  const ended = await page.evaluate(async () => {
    const { queue } = window.page;
    const id = await window.page.addBytes(1_000, 96, { filename: 'unanswered.bin' });
    const pausing = queue.pause(id).then(
      () => 'done',
      (error) => error.code,
    );
    await queue.start();
    await queue.close();
    return await pausing;
  });
  expect(ended).toBe('cancelled');
});

test('C14, C17: credentials that end are fetched anew; a page without IndexedDB or worker says so and sends all the same', async () => {
  const key = '0123456789abcdef';
  const env = { HOLDFAST_CORS_ORIGINS: pages.origin, HOLDFAST_RESERVE_MB: '0', HOLDFAST_API_KEYS: `ana:${key}` };
  await using guarded = await ServerProcess.start({ env });
  const page = await browser.open(pages.origin);
  await page.evaluate(
    async ([endpoint, token]) => {
      Object.defineProperty(globalThis, 'indexedDB', { value: undefined });
      Object.assign(window.page.token, { now: token, refresh: token });
      await window.page.open({ endpoint: endpoint ?? '', chunkSize: 2 ** 20, workerUrl: '/missing.js' });
      window.page.queue.on('upload-progress', ({ bytesAcknowledged }) => {
        // The server refuses what comes next.
        if (bytesAcknowledged > 0 && window.page.token.refreshed === 0) window.page.token.now = 'ended-long-ago-000';
      });
      await window.page.addBytes(8 * 2 ** 20, 5, { filename: 'token.bin' });
    },
    [guarded.url, key],
  );
  const done = await completed(page, 'token.bin');
  expect(done).toMatchObject({ retries: 0, error: null });
  expect(await page.evaluate(() => window.page.token.refreshed)).toBeGreaterThan(0);
  expect(await page.evaluate(() => window.page.queue.snapshot.storage)).toMatchObject({ kind: 'memory' });
  expect(await page.evaluate(() => window.page.heard[0])).toMatch(/^storage-degraded/);
});

test('C13, C14: without Web Locks a lease decides; what the server has is complete without a byte sent', async () => {
  const withoutLocks = async () => {
    const page = await browser.open(pages.origin);
    await page.evaluate(
      async (wish) => {
        Object.defineProperty(navigator, 'locks', { value: undefined });
        await window.page.open(wish);
      },
      { endpoint: proxy.url, databaseName },
    );
    return page;
  };
  const roleOf = (page: Page) => page.evaluate(() => window.page.queue.snapshot.role);
  const first = await withoutLocks();
  await expect.poll(() => roleOf(first)).toBe('leader');
  const second = await withoutLocks();
  await second.evaluate(() => window.page.addBytes(2 * 2 ** 20, 50, { filename: 'owned.bin' }));
  await completed(second, 'owned.bin');
  expect(await roleOf(second)).toBe('follower');
  await first.close();
  await expect.poll(() => roleOf(second), { timeout: 20_000 }).toBe('leader');
  const before = proxy.bytesFromClients;
  await second.evaluate(() => window.page.addBytes(2 * 2 ** 20, 50, { filename: 'owned again.bin' }));
  await completed(second, 'owned again.bin');
  expect(proxy.bytesFromClients - before).toBeLessThan(20_000);
});

test('C13: without Web Locks a recording goes on for as long as its tab does, also through a long pause', async () => {
  const page = await browser.open(pages.origin);
  await page.evaluate(
    async (wish) => {
      Object.defineProperty(navigator, 'locks', { value: undefined });
      await window.page.open(wish);
    },
    { endpoint: proxy.url, databaseName },
  );
  await expect.poll(() => page.evaluate(() => window.page.queue.snapshot.role)).toBe('leader');
  await page.evaluate(() => window.page.record({}));
  const append = (fill: number) =>
    page.evaluate((one) => window.page.recording?.append(new Blob([new Uint8Array(50_000).fill(one)])), fill);
  await append(1);
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  await append(2);
  expect(await itemOf(page, 'recording.webm')).toMatchObject({ status: 'recording', size: 100_000 });
  await page.evaluate(() => window.page.recording?.finish());
  const expected = createHash('sha256').update(Buffer.alloc(50_000, 1)).update(Buffer.alloc(50_000, 2)).digest('hex');
  expect(await completed(page, 'recording.webm')).toMatchObject({ size: 100_000, sha256: expected });
});

test('C14: without Web Locks, a leader that was asleep for longer than its lease follows the one that took over', async () => {
  const withoutLocks = async () => {
    const page = await browser.open(pages.origin);
    await page.evaluate(
      async (wish) => {
        Object.defineProperty(navigator, 'locks', { value: undefined });
        await window.page.open(wish);
      },
      { endpoint: proxy.url, databaseName, chunkSize: MiB },
    );
    return page;
  };
  const roleOf = (page: Page) => page.evaluate(() => window.page.queue.snapshot.role);
  const first = await withoutLocks();
  await expect.poll(() => roleOf(first)).toBe('leader');
  const second = await withoutLocks();
  proxy.pieceDelayMs = 20;
  await first.evaluate(() => window.page.addBytes(60 * 2 ** 20, 51, { filename: 'asleep.bin' }));
  const devtools = await first.context().newCDPSession(first);
  // As browsers do with pages that nobody looks at.
  await devtools.send('Debugger.enable');
  await devtools.send('Debugger.pause');
  await expect.poll(() => roleOf(second), { timeout: 30_000 }).toBe('leader');
  await devtools.send('Debugger.resume');
  await devtools.send('Debugger.disable');
  await expect.poll(() => roleOf(first), { timeout: 15_000 }).toBe('follower');
  expect(await roleOf(second)).toBe('leader');
  proxy.pieceDelayMs = 0;
  const done = await completed(second, 'asleep.bin');
  expect(await completed(first, 'asleep.bin')).toMatchObject({ uploadId: done.uploadId, error: null });
});

test('C14, C17: what is too old and cannot be removed does not keep the rest from being sent', async () => {
  const page = await openPage({ keepFinishedMs: 0 });
  await page.evaluate(() => window.page.addBytes(10, 60, { filename: 'old.bin' }));
  await completed(page, 'old.bin');
  await page.reload();
  await page.evaluate(
    async (wish) => {
      // As on a full disk, where even removing takes room.
      IDBObjectStore.prototype.delete = () => {
        throw new DOMException('No room.', 'QuotaExceededError');
      };
      await window.page.open(wish);
    },
    { endpoint: proxy.url, databaseName, keepFinishedMs: 0 },
  );
  await expect.poll(() => page.evaluate(() => window.page.queue.snapshot.role)).toBe('leader');
});

test('C14, C17: a tab that could not read the queue in the moment in which it came to lead leads all the same', async () => {
  const page = await browser.open(pages.origin);
  await page.evaluate(
    async (wish) => {
      const { getAll } = IDBIndex.prototype;
      let reads = 0;
      IDBIndex.prototype.getAll = function (this: IDBIndex, ...range) {
        reads += 1;
        // At the start, for what is too old, and then to lead.
        if (reads === 3) throw new DOMException('Something else is the matter.', 'DataError');
        return getAll.apply(this, range);
      };
      await window.page.open(wish);
    },
    { endpoint: proxy.url, databaseName },
  );
  await page.evaluate(() => window.page.addBytes(10, 70, { filename: 'led.bin' }));
  await completed(page, 'led.bin');
});
