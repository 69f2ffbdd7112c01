/** The queue where there is no IndexedDB (Node): in memory, with its rules. What survives is tried in Chromium: test/e2e/queue.test.ts. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeTransport } from '../src/node/index.ts';
import { type QueueItem, UploadQueueManager, type UploadQueueOptions } from '../src/queue/index.ts';
import { ContractServer, digestOf, type Fault } from './contract-server.ts';
import { fileOf, someBytes } from './uploading.ts';

let server: ContractServer;
let queue: UploadQueueManager;
const transport = nodeTransport();

beforeEach(async () => {
  server = await ContractServer.start();
});

afterEach(async () => {
  await queue?.close();
  await server[Symbol.asyncDispose]();
  transport.close();
});

function queueOf(options: Partial<UploadQueueOptions> = {}): UploadQueueManager {
  // No jitter: what waits its turn does so without waiting.
  const runtime = { random: () => 0 };
  queue = new UploadQueueManager({ endpoint: server.url, transport, runtime, ...options });
  return queue;
}

function heard(events: string[]): void {
  for (const name of ['upload-added', 'upload-retrying', 'upload-failed', 'upload-completed'] as const) {
    queue.on(name, (item) => events.push(`${name} ${item.retries}`));
  }
}

const next = (event: 'upload-completed' | 'upload-failed' | 'upload-paused' | 'upload-removed') =>
  new Promise<QueueItem>((resolve) => {
    const off = queue.on(event, (item) => {
      off();
      resolve(item);
    });
  });

/** Refuses creations so often. */
function refuse(times: number, fault: Fault): void {
  let left = times;
  server.intercept = (seen) => {
    if (seen.method !== 'POST' || seen.path !== '/v1/uploads' || left === 0) return undefined;
    left -= 1;
    return fault;
  };
}

test('C14: does nothing before it is asked to, says that nothing will survive, and uploads', async () => {
  queueOf();
  expect(queue.snapshot).toMatchObject({ items: [], role: 'starting', ready: false });
  expect(server.seen).toEqual([]);
  const bytes = someBytes(2_500);
  const completed = next('upload-completed');
  const id = await queue.addUpload(fileOf(bytes), { subject: 'Cardiology' }, { priority: 'high' });
  expect(queue.get(id)).toMatchObject({ keeping: 'memory', priority: 'high', filename: 'film.mp4' });
  expect(await completed).toMatchObject({ id, sha256: digestOf(Buffer.from(bytes)), progress: 1, keeping: 'released' });
  expect(server.upload.wish.metadata).toEqual({ subject: 'Cardiology' });
  expect(queue.snapshot).toMatchObject({ storage: { kind: 'memory' }, role: 'leader', ready: true });
  expect(queue.snapshot.storage.reason).toContain('IndexedDB');
});

test('C14: what fails is begun again as often as allowed, then by hand; metrics count it', async () => {
  queueOf();
  const events: string[] = [];
  heard(events);
  // The engine asks 8 times in each try.
  refuse(24, { status: 500, code: 'internal' });
  const failed = next('upload-failed');
  const id = await queue.addUpload(fileOf(someBytes(10)), {}, { maxRetries: 2 });
  expect(await failed).toMatchObject({ error: { type: 'server', code: 'internal', retryable: true }, retries: 2 });
  expect(events).toEqual(['upload-added 0', 'upload-retrying 1', 'upload-retrying 2', 'upload-failed 2']);
  expect(queue.metrics()).toMatchObject({ total: 1, failed: 1, completed: 0, active: 0, successRate: 0 });
  const completed = next('upload-completed');
  await queue.retry(id);
  expect(await completed).toMatchObject({ id, error: null });
  expect(queue.metrics()).toMatchObject({ total: 1, failed: 0, completed: 1, active: 0, successRate: 1, bytes: 10 });
});

test('C14, C17: what the server will never take fails at once', async () => {
  queueOf();
  refuse(1, { status: 413, code: 'file-too-large' });
  const failed = next('upload-failed');
  await queue.addUpload(fileOf(someBytes(10)));
  expect((await failed).error).toMatchObject({ type: 'validation', code: 'file-too-large', retryable: false });
  expect(server.requests('POST', /uploads$/)).toHaveLength(1);
});

test('C14: an upload that the server lost begins anew', async () => {
  queueOf();
  let lost = false;
  server.intercept = (seen) => {
    if (seen.index !== 2 || lost) return undefined;
    lost = true;
    server.uploads.clear();
    return { status: 404, code: 'upload-not-found' };
  };
  const completed = next('upload-completed');
  await queue.addUpload(fileOf(someBytes(3_500)));
  expect(await completed).toMatchObject({ retries: 1, error: null });
});

test('C14: paused, resumed, cancelled, removed; commands that make no sense do nothing', async () => {
  queueOf();
  server.intercept = (seen) => (seen.index === null ? undefined : 'silence');
  const paused = next('upload-paused');
  const id = await queue.addUpload(fileOf(someBytes(3_000)));
  await queue.pause(id);
  expect(await paused).toMatchObject({ status: 'paused' });
  await queue.pause(id);
  await queue.retry(id);
  await queue.resume('unknown');
  expect(queue.get(id)?.status).toBe('paused');
  server.intercept = () => undefined;
  await queue.resume(id);
  const removed = next('upload-removed');
  await queue.remove(id);
  expect((await removed).id).toBe(id);
  expect(queue.list()).toEqual([]);
  await expect.poll(() => server.upload.state).toMatch(/cancelled|completed/);
});

test('C14: wishes that are wrong are refused before anything is done', async () => {
  queueOf();
  const file = fileOf(someBytes(1));
  const wrong = [
    { maxRetries: 1.5 },
    { priority: 'soon' as 'low' },
    { config: { chunkSize: 0 } },
    { config: { compressionEnabled: true } },
  ];
  for (const options of wrong) {
    await expect(queue.addUpload(file, {}, options)).rejects.toMatchObject({ code: 'invalid-request' });
  }
  await expect(queue.addUpload('text' as unknown as Blob)).rejects.toMatchObject({ code: 'invalid-request' });
  const stopped = AbortSignal.abort();
  await expect(queue.addUpload(file, {}, { signal: stopped })).rejects.toMatchObject({ code: 'cancelled' });
  expect(queue.list()).toEqual([]);
});

test('C15: what compress makes is what is sent, under the name that was wished; its failure is the caller’s', async () => {
  const smaller = new Blob(['small'], { type: 'audio/webm' });
  queueOf({
    compress: async (_blob, { onProgress }) => {
      onProgress(0.5);
      if (queue.metrics().total > 0) throw new Error('No encoder.');
      return smaller;
    },
  });
  const shown: (number | null)[] = [];
  queue.on('upload-progress', ({ status, preparation }) => {
    if (status === 'preparing') shown.push(preparation);
  });
  const options = { filename: 'lecture.webm', config: { compressionEnabled: true } };
  const completed = next('upload-completed');
  await queue.addUpload(fileOf(someBytes(5_000)), {}, options);
  expect(await completed).toMatchObject({ size: 5, filename: 'lecture.webm', contentType: 'audio/webm' });
  expect(shown).toContain(0.5);
  await expect(queue.addUpload(fileOf(someBytes(10)), {}, options)).rejects.toThrow('No encoder.');
  expect(queue.list()).toHaveLength(1);
});

test('C13: start and close in pairs, as StrictMode does; what was listened to stays', async () => {
  queueOf();
  const completed = next('upload-completed');
  void queue.start();
  void queue.close();
  await queue.start();
  await queue.addUpload(fileOf(someBytes(10)));
  await completed;
  await queue.close();
  await queue.close();
});

test('C15: what is compressed and then not accepted does not stay in the list', async () => {
  const stop = new AbortController();
  queueOf({
    compress: async () => {
      stop.abort();
      return new Blob(['small']);
    },
  });
  const options = { config: { compressionEnabled: true }, signal: stop.signal };
  await expect(queue.addUpload(fileOf(someBytes(10)), {}, options)).rejects.toMatchObject({ code: 'cancelled' });
  expect(queue.list()).toEqual([]);
  expect(queue.metrics()).toMatchObject({ active: 0, total: 0 });
});

test('C14: after clear the sums begin anew', async () => {
  queueOf();
  const completed = next('upload-completed');
  await queue.addUpload(fileOf(someBytes(2_500)));
  await completed;
  await queue.clear();
  expect(queue.list()).toEqual([]);
  expect(queue.metrics()).toMatchObject({ total: 0, completed: 0, bytes: 0, averageSpeed: null, successRate: null });
  const again = next('upload-completed');
  await queue.addUpload(fileOf(someBytes(10)));
  await again;
  expect(queue.metrics()).toMatchObject({ total: 1, completed: 1, bytes: 10 });
});

test('C14: clear also stops what is still being added: nothing of it is kept or sent', async () => {
  queueOf();
  await queue.start();
  const added = [1, 2, 3, 4].map((size) => queue.addUpload(fileOf(someBytes(size))));
  const ends = Promise.allSettled(added);
  await queue.clear();
  for (const end of await ends) expect(end).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
  expect(queue.list()).toEqual([]);
  const completed = next('upload-completed');
  await queue.addUpload(fileOf(someBytes(30)));
  await completed;
  expect(server.upload.wish.size).toBe(30);
});

test('C15: clear also stops what is still being compressed', async () => {
  const begun = Promise.withResolvers<void>();
  const compressed = Promise.withResolvers<Blob>();
  queueOf({
    compress: async (_blob, { onProgress }) => {
      onProgress(0.5);
      begun.resolve();
      const result = await compressed.promise;
      onProgress(0.9);
      return result;
    },
  });
  const added = queue.addUpload(fileOf(someBytes(10)), {}, { config: { compressionEnabled: true } });
  await begun.promise;
  expect(queue.list()).toMatchObject([{ status: 'preparing' }]);
  await queue.clear();
  expect(queue.list()).toEqual([]);
  const shown: string[] = [];
  queue.on('upload-added', ({ filename }) => shown.push(filename));
  compressed.resolve(new Blob(['small']));
  await expect(added).rejects.toMatchObject({ code: 'cancelled' });
  expect([queue.list(), shown]).toEqual([[], []]);
});

test('C13: a recording that goes on while its queue is closed can be finished or discarded all the same', async () => {
  queueOf();
  const [kept, unwanted] = [await queue.openRecording(), await queue.openRecording()];
  await kept.append(new Blob(['words']));
  await unwanted.append(new Blob(['words']));
  await queue.close();
  expect(await kept.finish()).toBe(kept.id);
  await unwanted.discard();
});
