/** The engine with Node's transport against a server that keeps the contract, on real sockets. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createUploadClient,
  type UploadClientOptions,
  UploadError,
  type UploadHandle,
  type UploadSnapshot,
} from '../src/index.ts';
import { nodeTransport } from '../src/node/index.ts';
import { ContractServer, digestOf } from './contract-server.ts';

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
const fileOf = (bytes: Uint8Array<ArrayBuffer>, name = 'film.mp4') => new File([bytes], name, { type: 'video/mp4' });
const someBytes = (length: number) => new Uint8Array(randomBytes(length));

async function until(handle: UploadHandle, condition: (snapshot: UploadSnapshot) => boolean): Promise<UploadSnapshot> {
  if (condition(handle.snapshot)) return handle.snapshot;
  return new Promise((resolve) => {
    const unsubscribe = handle.subscribe(() => {
      if (!condition(handle.snapshot)) return;
      unsubscribe();
      resolve(handle.snapshot);
    });
  });
}

async function failureOf(handle: UploadHandle): Promise<UploadError> {
  const error = await handle.done.then(
    () => new Error('It completed.'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UploadError);
  return error as UploadError;
}

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
    expect(finishing).toMatchObject({ bytesAcknowledged: 500, progress: 0.999, assetId: null });
    await handle.done;
    expect(server.requests('POST', /complete\?wait=20$/)).toHaveLength(2);
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
    expect([...server.uploads.values()].map((upload) => upload.wish.chunkSize)).toEqual([undefined, 32 * 2 ** 20]);
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

describe('commands', () => {
  /** Chunks from this one on wait until they are let through. */
  function holdChunksFrom(index: number): () => void {
    let letThrough = () => {};
    const held = new Promise<undefined>((resolve) => {
      letThrough = () => resolve(undefined);
    });
    server.intercept = (seen) => (seen.index !== null && seen.index >= index ? held : undefined);
    return () => letThrough();
  }

  test('pause stops and tells the server; resume sends only what is missing', async () => {
    const letThrough = holdChunksFrom(4);
    const bytes = someBytes(10_000);
    const handle = clientOf().add(fileOf(bytes));
    await until(handle, (s) => s.chunksAcknowledged === 4);
    await handle.pause();
    expect(handle.snapshot).toMatchObject({ state: 'paused', bytesAcknowledged: 4_000, bytesInFlight: 0 });
    expect(server.upload.state).toBe('paused');
    letThrough();
    server.intercept = () => undefined;
    server.seen.length = 0;
    handle.resume();
    await handle.done;
    expect(server.requests('PUT', /chunks/).map((seen) => seen.index)).not.toContain(0);
    expect(server.upload.bytes.equals(bytes)).toBe(true);
  });

  test('pause, resume, pause, resume in one breath ends well', async () => {
    const handle = clientOf().add(fileOf(someBytes(10_000)));
    await until(handle, (s) => s.state === 'uploading');
    void handle.pause();
    handle.resume();
    void handle.pause();
    handle.resume();
    await handle.done;
    expect(server.uploads.size).toBe(1);
  });

  test('a pause while it is being created makes no second upload', async () => {
    let answer = () => {};
    server.intercept = (seen) =>
      seen.path === '/v1/uploads'
        ? new Promise((resolve) => {
            answer = () => resolve(undefined);
          })
        : undefined;
    const handle = clientOf().add(fileOf(someBytes(3_000)));
    await expect.poll(() => server.seen.length).toBe(1);
    const paused = handle.pause();
    answer();
    await paused;
    expect(handle.snapshot).toMatchObject({ state: 'paused', uploadId: 'u1' });
    expect(server.upload.state).toBe('paused');
    handle.resume();
    await handle.done;
    expect(server.uploads.size).toBe(1);
  });

  test('cancel ends it on the server too', async () => {
    const letThrough = holdChunksFrom(2);
    const handle = clientOf().add(fileOf(someBytes(10_000)));
    await until(handle, (s) => s.chunksAcknowledged === 2);
    const cancelled = handle.cancel();
    expect(handle.snapshot.state).toBe('cancelled');
    await cancelled;
    letThrough();
    expect(server.upload.state).toBe('cancelled');
    expect(await failureOf(handle)).toMatchObject({ code: 'cancelled', retryable: false });
    handle.resume();
    handle.retry();
    expect(handle.snapshot.state).toBe('cancelled');
  });

  test('what somebody else paused goes on when they resume it', async () => {
    const letThrough = holdChunksFrom(2);
    let fast = false;
    const runtime = {
      ...quick,
      after: (ms: number, callback: () => void) => {
        const timer = setTimeout(callback, fast ? Math.min(ms, 20) : ms);
        return () => clearTimeout(timer);
      },
    };
    const handle = clientOf({ runtime, stallTimeoutMs: 5_000 }).add(fileOf(someBytes(6_000)));
    await until(handle, (s) => s.chunksAcknowledged === 2);
    server.upload.state = 'paused';
    fast = true;
    letThrough();
    await until(handle, (s) => s.state === 'paused');
    fast = false;
    server.upload.state = 'receiving';
    server.intercept = () => undefined;
    await handle.done;
    expect(server.requests('POST', /resume$/)).toHaveLength(0);
  });
});

describe('resume', () => {
  async function half(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    server.intercept = (seen) =>
      seen.index !== null && seen.index >= 5 ? { status: 403, code: 'forbidden' } : undefined;
    const handle = clientOf().add(fileOf(bytes));
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

describe('refusals', () => {
  test('a chunk that arrived damaged is sent again', async () => {
    let refused = 0;
    server.intercept = (seen) => {
      if (seen.index !== 1 || refused === 2) return undefined;
      refused += 1;
      return { status: 422, code: 'digest-mismatch' };
    };
    await clientOf().add(fileOf(someBytes(3_000))).done;
    expect(server.requests('PUT', /chunks\/1$/)).toHaveLength(3);
  });

  test('but not for ever', async () => {
    server.intercept = (seen) => (seen.index === 1 ? { status: 422, code: 'digest-mismatch' } : undefined);
    const error = await failureOf(clientOf().add(fileOf(someBytes(3_000))));
    expect(error).toMatchObject({ type: 'validation', code: 'digest-mismatch', chunk: 1, retryable: true });
  });

  test('other bytes for a chunk are a typed error with the chunk', async () => {
    server.intercept = (seen) => (seen.index === 2 ? { status: 409, code: 'chunk-conflict' } : undefined);
    const error = await failureOf(clientOf().add(fileOf(someBytes(3_000))));
    expect(error).toMatchObject({ type: 'validation', code: 'chunk-conflict', chunk: 2, retryable: false });
  });

  test('a whole file with another digest than declared fails, and retry begins anew', async () => {
    const handle = clientOf().add(fileOf(someBytes(3_000)), { sha256: 'a'.repeat(64) });
    expect(await failureOf(handle)).toMatchObject({ type: 'validation', code: 'digest-mismatch' });
    handle.retry();
    await failureOf(handle);
    expect(server.uploads.size).toBe(2);
  });

  test('chunk-busy and 503 with Retry-After are waited out; only the failed chunk goes again', async () => {
    const failures = new Map([
      [1, { status: 409, code: 'chunk-busy' }],
      [2, { status: 503, code: 'unavailable', headers: { 'retry-after': '1' } }],
    ]);
    server.intercept = (seen) => {
      const fault = failures.get(seen.index ?? -1);
      failures.delete(seen.index ?? -1);
      return fault;
    };
    const startedAt = performance.now();
    const handle = clientOf().add(fileOf(someBytes(8_000)));
    const waiting = await until(handle, (s) => s.state === 'waiting');
    expect(waiting.waiting?.reason).toBe('busy');
    await handle.done;
    expect(performance.now() - startedAt).toBeGreaterThan(990);
    const sent = server.requests('PUT', /chunks/).map((seen) => seen.index);
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((i) => sent.filter((index) => index === i).length)).toEqual([
      1, 2, 2, 1, 1, 1, 1, 1,
    ]);
  });

  test('upload-finishing and missing-chunks make it ask what the server has', async () => {
    let lost = false;
    server.intercept = (seen) => {
      if (!lost && /complete/.test(seen.path)) {
        lost = true;
        server.upload.have.delete(1);
      }
      return undefined;
    };
    const bytes = someBytes(3_000);
    await clientOf().add(fileOf(bytes)).done;
    expect(server.requests('PUT', /chunks\/1$/)).toHaveLength(2);
    server.intercept = (seen) => {
      if (seen.index !== 1) return undefined;
      for (const upload of server.uploads.values()) if (upload.state === 'receiving') upload.state = 'validating';
      return { status: 409, code: 'upload-finishing' };
    };
    await clientOf({ parallel: 1 }).add(fileOf(bytes)).done;
  });

  test('what is no Holdfast server does not count as a receipt', async () => {
    let portal = 2;
    server.intercept = (seen) => {
      if (seen.index !== 1 || portal === 0) return undefined;
      portal -= 1;
      return { status: 200, text: portal === 1 ? '<html>Please log in</html>' : '{"welcome":true}' };
    };
    const bytes = someBytes(3_000);
    await clientOf().add(fileOf(bytes)).done;
    expect(server.upload.bytes.equals(bytes)).toBe(true);
  });
});

describe('credentials', () => {
  test('are asked for before every request, and fetched anew once after a 401', async () => {
    let valid = 'token-1';
    let asked = 0;
    let refreshed = 0;
    server.intercept = (seen) => {
      if (seen.index === 2) valid = 'token-2';
      return seen.headers.authorization === valid ? undefined : { status: 401, code: 'unauthenticated' };
    };
    let current = 'token-1';
    const client = clientOf({
      parallel: 1,
      getHeaders: async ({ refresh }) => {
        asked += 1;
        if (refresh) {
          refreshed += 1;
          current = 'token-2';
        }
        return { authorization: current };
      },
    });
    await client.add(fileOf(someBytes(4_000))).done;
    expect(asked).toBe(server.seen.length);
    expect(refreshed).toBe(1);
  });

  test('that are refused twice end it with what was acknowledged kept; retry goes on', async () => {
    let allowed = false;
    server.intercept = (seen) =>
      seen.index !== null && seen.index >= 2 && !allowed ? { status: 401, code: 'unauthenticated' } : undefined;
    const handle = clientOf({ parallel: 1 }).add(fileOf(someBytes(4_000)));
    expect(await failureOf(handle)).toMatchObject({
      type: 'server',
      code: 'unauthenticated',
      retryable: true,
      chunk: 2,
    });
    expect(handle.snapshot).toMatchObject({ state: 'failed', bytesAcknowledged: 2_000 });
    expect(server.requests('PUT', /chunks\/2$/)).toHaveLength(2);
    allowed = true;
    server.seen.length = 0;
    handle.retry();
    await handle.done;
    expect(server.requests('PUT', /chunks/).map((seen) => seen.index)).toEqual([2, 3]);
  });

  test('that cannot be had are asked for again', async () => {
    let failures = 2;
    const getHeaders = () => {
      failures -= 1;
      if (failures >= 0) throw new Error('token server away');
      return {};
    };
    await clientOf({ getHeaders }).add(fileOf(someBytes(1_000))).done;
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
