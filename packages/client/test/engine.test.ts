/** The engine with Node's transport against a server that keeps the contract, on real sockets. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createUploadClient, type UploadClientOptions } from '../src/index.ts';
import { nodeTransport } from '../src/node/index.ts';
import { ContractServer, digestOf } from './contract-server.ts';
import { failureOf, fileOf, someBytes, until } from './uploading.ts';

let server: ContractServer;
let transport: ReturnType<typeof nodeTransport>;

beforeEach(async () => {
  server = await ContractServer.start();
  transport = nodeTransport();
});
afterEach(async () => {
  transport.close();
  await server.stop();
});

/** Waits of the engine are cut to almost nothing. */
const quick = { random: () => 0.01 };
const clientOf = (options: Partial<UploadClientOptions> = {}) =>
  createUploadClient({ endpoint: server.url, transport, runtime: quick, ...options });
describe('an upload', () => {
  test('arrives byte for byte, with what was said about it', async () => {
    const bytes = someBytes(10_500);
    const handle = clientOf().add(fileOf(bytes), { metadata: { subject: 'harbour' } });
    const result = await handle.done;
    const sha256 = digestOf(bytes);
    expect(result).toEqual({ uploadId: 'u1', assetId: sha256, sha256 });
    expect(server.upload.bytes.equals(bytes)).toBe(true);
    expect(server.upload.wish).toEqual({
      filename: 'film.mp4',
      size: 10_500,
      contentType: 'video/mp4',
      metadata: { subject: 'harbour' },
    });
    expect(handle.snapshot).toMatchObject({
      state: 'completed',
      bytesAcknowledged: 10_500,
      bytesInFlight: 0,
      progress: 1,
      chunksAcknowledged: 11,
      totalChunks: 11,
      assetId: sha256,
      resumed: false,
      error: null,
    });
  });

  test('of nothing arrives too', async () => {
    const { sha256 } = await clientOf().add(fileOf(new Uint8Array(0))).done;
    expect(sha256).toBe(digestOf(new Uint8Array(0)));
  });

  test('sends each chunk once, with its digest, three at a time', async () => {
    server.intercept = async (seen) => {
      if (seen.index !== null) await new Promise((resolve) => setTimeout(resolve, 10));
      return undefined;
    };
    await clientOf().add(fileOf(someBytes(12_000))).done;
    const chunks = server.requests('PUT', /chunks/);
    expect(chunks.map((seen) => seen.index).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 12 }, (_, i) => i),
    );
    expect(chunks.every((seen) => /^sha-256=:.{44}:$/.test(String(seen.headers['content-digest'])))).toBe(true);
    expect(server.chunksInFlightMax).toBe(3);
  });

  test('digests can be switched off', async () => {
    await clientOf({ chunkDigests: false }).add(fileOf(someBytes(2_000))).done;
    expect(server.requests('PUT', /chunks/).every((seen) => seen.headers['content-digest'] === undefined)).toBe(true);
  });

  test('waits until the server has finished', async () => {
    server.finishingAnswers = 1;
    const handle = clientOf().add(fileOf(someBytes(500)));
    const finishing = await until(handle, (s) => s.state === 'finishing');
    expect(finishing).toMatchObject({ bytesAcknowledged: 500, progress: 0.999, bytesChecked: null, assetId: null });
    const checked = await until(handle, (s) => s.bytesChecked !== null);
    expect(checked).toMatchObject({ state: 'finishing', progress: 0.999, bytesChecked: 250 });
    await handle.done;
    expect(handle.snapshot).toMatchObject({ state: 'completed', bytesChecked: null });
    expect(server.requests('POST', /complete\?wait=3$/)).toHaveLength(2);
  });

  test('several share the connections, and the first is finished first', async () => {
    server.intercept = async (seen) => {
      if (seen.index !== null) await new Promise((resolve) => setTimeout(resolve, 5));
      return undefined;
    };
    const client = clientOf();
    const ended: number[] = [];
    const handles = Array.from({ length: 5 }, () => client.add(fileOf(someBytes(9_000))));
    await Promise.all(handles.map((handle, i) => handle.done.then(() => ended.push(i))));
    expect(server.chunksInFlightMax).toBeLessThanOrEqual(3);
    expect(ended[0]).toBe(0);
    expect(new Set(handles.map((handle) => handle.id)).size).toBe(5);
  });

  test('the next one is cut by the measured speed', async () => {
    const client = clientOf();
    server.chunkSize = 2 ** 20;
    await client.add(fileOf(someBytes(2 ** 21))).done;
    await client.add(fileOf(someBytes(10))).done;
    expect([...server.uploads.values()].map((upload) => upload.wish.chunkSize)).toEqual([undefined, 64 * 2 ** 20]);
  });

  test('snapshots are immutable, keep their identity, and come at most ten times a second', async () => {
    server.intercept = async (seen) => {
      if (seen.index !== null) await new Promise((resolve) => setTimeout(resolve, 10));
      return undefined;
    };
    const handle = clientOf().add(fileOf(someBytes(150_000)));
    const startedAt = performance.now();
    let commits = 0;
    let progress = 0;
    handle.subscribe(() => {
      commits += 1;
      expect(Object.isFrozen(handle.snapshot)).toBe(true);
      expect(handle.snapshot).toBe(handle.snapshot);
      expect(handle.snapshot.progress).toBeGreaterThanOrEqual(progress);
      progress = handle.snapshot.progress;
    });
    await handle.done;
    // Beside them: created, uploading, finishing, completed.
    expect(commits).toBeLessThanOrEqual((performance.now() - startedAt) / 100 + 6);
  });
});

describe('resume', () => {
  async function half(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    server.intercept = (seen) =>
      seen.index !== null && seen.index >= 5 ? { status: 403, code: 'forbidden' } : undefined;
    const handle = clientOf({ parallel: 1 }).add(fileOf(bytes));
    await failureOf(handle);
    server.intercept = () => undefined;
    server.seen.length = 0;
    return handle.snapshot.uploadId ?? '';
  }

  test('sends only what is missing', async () => {
    const bytes = someBytes(10_000);
    const resumeId = await half(bytes);
    const had = server.upload.have.size;
    const handle = clientOf().add(fileOf(bytes), { resumeId });
    await handle.done;
    expect(handle.snapshot.resumed).toBe(true);
    expect(server.requests('PUT', /chunks/)).toHaveLength(10 - had);
    expect(server.upload.bytes.equals(bytes)).toBe(true);
  });

  test('refuses a file of another size or another digest', async () => {
    const resumeId = await half(someBytes(10_000));
    expect(await failureOf(clientOf().add(fileOf(someBytes(9_999)), { resumeId }))).toMatchObject({
      type: 'validation',
      code: 'resume-mismatch',
    });
    server.upload.wish.sha256 = 'a'.repeat(64);
    const other = clientOf().add(fileOf(someBytes(10_000)), { resumeId, sha256: 'b'.repeat(64) });
    expect(await failureOf(other)).toMatchObject({ code: 'resume-mismatch', retryable: false });
  });

  test('refuses a file of the same size with other bytes, before anything is sent', async () => {
    const resumeId = await half(someBytes(10_000));
    const handle = clientOf().add(fileOf(someBytes(10_000)), { resumeId });
    expect(await failureOf(handle)).toMatchObject({ type: 'validation', code: 'resume-mismatch', retryable: false });
    expect(server.requests('PUT', /chunks/)).toEqual([]);
  });

  test('of an upload that completed meanwhile is done at once', async () => {
    const bytes = someBytes(3_000);
    const first = await clientOf().add(fileOf(bytes)).done;
    server.seen.length = 0;
    expect(await clientOf().add(fileOf(bytes), { resumeId: first.uploadId }).done).toEqual(first);
    expect(server.seen).toHaveLength(1);
  });

  test('of one that the server does not have is a typed error, and retry begins anew', async () => {
    const handle = clientOf().add(fileOf(someBytes(3_000)), { resumeId: 'gone' });
    expect(await failureOf(handle)).toMatchObject({ type: 'server', code: 'upload-not-found', retryable: true });
    handle.retry();
    await handle.done;
    expect(handle.snapshot).toMatchObject({ uploadId: 'u1', resumed: false });
  });

  test('an upload that vanishes underway is a typed error too', async () => {
    server.intercept = (seen) => {
      if (seen.index === 3) server.uploads.clear();
      return undefined;
    };
    const handle = clientOf({ parallel: 1 }).add(fileOf(someBytes(6_000)));
    expect(await failureOf(handle)).toMatchObject({ code: 'upload-not-found', chunk: 3 });
    server.intercept = () => undefined;
    handle.retry();
    await handle.done;
  });

  test('a proxy’s 404 does not make it forget the upload', async () => {
    const bytes = someBytes(6_000);
    server.intercept = (seen) => (seen.index === 3 ? { status: 404 } : undefined);
    const handle = clientOf({ parallel: 1 }).add(fileOf(bytes));
    expect(await failureOf(handle)).toMatchObject({ code: 'http-404' });
    server.intercept = () => undefined;
    server.seen.length = 0;
    handle.retry();
    await handle.done;
    expect(server.uploads.size).toBe(1);
    expect(server.requests('PUT', /chunks/).map((seen) => seen.index)).toEqual([3, 4, 5]);
  });
});

test('the server says what it takes, and is asked once', async () => {
  const client = clientOf();
  const [info] = await Promise.all([client.serverInfo(), client.serverInfo()]);
  expect(info.limits.chunkBytesDefault).toBe(1_000);
  expect(server.seen).toHaveLength(1);
});

test('parallel is 1 to 4', () => {
  for (const parallel of [0, 5, 1.5]) expect(() => clientOf({ parallel })).toThrow(RangeError);
});
