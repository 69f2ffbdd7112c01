/** Waiting in virtual time: back-off, being offline, stalls and what the snapshots say meanwhile. */
import type { Upload } from '@holdfast/protocol';
import { beforeEach, expect, test } from 'vitest';
import {
  createUploadClient,
  type TransportRequest,
  type TransportResponse,
  type UploadClientOptions,
} from '../src/index.ts';
import { fakeTransport, jsonResponse, type Responder } from './fake-transport.ts';
import { VirtualRuntime } from './virtual-runtime.ts';

const sha256 = 'a'.repeat(64);
let runtime: VirtualRuntime;

beforeEach(() => {
  runtime = new VirtualRuntime();
});

const viewOf = (size: number, chunkSize: number, change: Partial<Upload> = {}): Upload => {
  const totalChunks = Math.ceil(size / chunkSize);
  return {
    id: 'u1',
    size,
    chunkSize,
    totalChunks,
    state: 'receiving',
    receivedBytes: 0,
    receivedChunks: 0,
    missingChunks: Array.from({ length: totalChunks }, (_, i) => i),
    missingTruncated: false,
    expectedSha256: null,
    sha256: null,
    assetId: null,
    failure: null,
    ...change,
  } as Upload;
};

/** Answers as a server would, for one upload that is sent in order. */
function wellBehaved(size: number, chunkSize: number): Responder {
  let receivedBytes = 0;
  return (request: TransportRequest): TransportResponse => {
    const index = /chunks\/(\d+)$/.exec(request.url)?.[1];
    if (index !== undefined) {
      const length = (request.body as Uint8Array).byteLength;
      receivedBytes += length;
      return jsonResponse({ index: Number(index), length, receivedBytes });
    }
    const done = /complete/.test(request.url) && receivedBytes === size;
    return jsonResponse(
      viewOf(size, chunkSize, done ? { state: 'completed', sha256, assetId: sha256 } : { receivedBytes }),
    );
  };
}

function start(respond: Responder, size = 4_000, options: Partial<UploadClientOptions> = {}) {
  const transport = fakeTransport(respond);
  const client = createUploadClient({ endpoint: 'http://server', transport, runtime, parallel: 1, ...options });
  return { transport, handle: client.add(new Blob([new Uint8Array(size)])) };
}

/** Lets hashing and the like, which take real time, come to their end. */
async function turn(ms = 0): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  await runtime.advance(ms);
}

test('an idle client listens to nothing, holds no timers and sends nothing', async () => {
  const transport = fakeTransport(() => jsonResponse({}));
  createUploadClient({ endpoint: '', transport, runtime });
  await turn();
  expect([runtime.listeners, runtime.pendingTimers, transport.requests.length]).toEqual([0, 0, 0]);
});

test('after its end nothing is left behind', async () => {
  const { handle } = start(wellBehaved(4_000, 1_000));
  for (let i = 0; i < 20 && handle.snapshot.state !== 'completed'; i += 1) await turn(1_000);
  expect(await handle.done).toEqual({ uploadId: 'u1', assetId: sha256, sha256 });
  await runtime.advance(1_000);
  expect([runtime.listeners, runtime.pendingTimers]).toEqual([0, 0]);
});

test('a server that is away: waits 1, 2, 4 … 30 s (here without jitter), says until when, and goes on', async () => {
  runtime.randomValue = 0.9999999;
  let away = true;
  const well = wellBehaved(4_000, 1_000);
  const { handle, transport } = start((request, signal) => {
    if (away) throw new Error('ECONNREFUSED');
    return well(request, signal);
  });
  const waits: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    await turn(100);
    const { state, waiting } = handle.snapshot;
    expect(state).toBe('waiting');
    expect(waiting?.reason).toBe('unreachable');
    const left = (waiting?.until ?? 0) - runtime.now();
    waits.push(Math.round((left + 100) / 1_000));
    await runtime.advance(left + 1);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
  expect(transport.requests).toHaveLength(9);
  away = false;
  for (let i = 0; i < 60 && handle.snapshot.state !== 'completed'; i += 1) await turn(1_000);
  expect(handle.snapshot.state).toBe('completed');
});

test('retry does not wait for the end of the back-off', async () => {
  let away = true;
  const well = wellBehaved(2_000, 1_000);
  const { handle } = start((request, signal) => {
    if (away) throw new Error('ECONNREFUSED');
    return well(request, signal);
  }, 2_000);
  await turn(20_000);
  await turn(100);
  expect(handle.snapshot.state).toBe('waiting');
  away = false;
  const before = runtime.now();
  handle.retry();
  for (let i = 0; i < 10 && handle.snapshot.state !== 'completed'; i += 1) await turn(10);
  expect(handle.snapshot.state).toBe('completed');
  expect(runtime.now() - before).toBeLessThan(200);
});

test('offline: nothing new is started, what is on its way may end; online: at once', async () => {
  const answers: (() => void)[] = [];
  const well = wellBehaved(3_000, 1_000);
  const { handle, transport } = start(async (request, signal) => {
    if (/chunks/.test(request.url)) await new Promise<void>((resolve) => answers.push(resolve));
    return well(request, signal);
  }, 3_000);
  await turn(100);
  runtime.connectivity(false);
  const sent = transport.requests.length;
  expect(answers).toHaveLength(1);
  answers.shift()?.();
  await turn(200);
  await turn(200);
  expect(transport.requests).toHaveLength(sent);
  expect(handle.snapshot).toMatchObject({ state: 'waiting', bytesAcknowledged: 1_000, waiting: { reason: 'offline' } });
  runtime.connectivity(true);
  await turn(1);
  expect(transport.requests).toHaveLength(sent + 1);
  await turn(500);
  expect(handle.snapshot.waiting).toBeNull();
  await handle.cancel();
});

test('30 s without a byte is a stall; a large chunk that moves may take longer', async () => {
  const size = 4 * 2 ** 20;
  let moving: ((bytes: number) => void) | undefined;
  const well = wellBehaved(size, size);
  const transport = fakeTransport(well);
  const requests: string[] = [];
  const client = createUploadClient({
    endpoint: 'http://server',
    runtime,
    // Takes real time, which the clock of this test knows nothing of.
    offerDigest: 'never',
    transport: {
      send: async (request, options) => {
        requests.push(request.url);
        if (!/chunks/.test(request.url)) return transport.send(request, options);
        moving = options.onSent;
        return new Promise((_resolve, reject) => {
          options.signal.addEventListener('abort', () => reject(options.signal.reason));
        });
      },
    },
  });
  const handle = client.add(new Blob([new Uint8Array(size)]));
  await turn(100);
  for (let second = 0; second < 120; second += 20) {
    moving?.(second * 1_000);
    await turn(20_000);
    expect(handle.snapshot.state).toBe('uploading');
  }
  expect(requests.filter((url) => /chunks/.test(url))).toHaveLength(1);
  moving?.(121_000);
  await turn(29_000);
  expect(handle.snapshot.state).toBe('uploading');
  await turn(1_100);
  expect(handle.snapshot).toMatchObject({ bytesAcknowledged: 0, bytesInFlight: 0 });
  await turn(1_000);
  await turn();
  expect(requests.filter((url) => /chunks/.test(url))).toHaveLength(2);
  await handle.cancel();
});

test('an upload for which nobody listens fails without an unhandled rejection, and keeps its error', async () => {
  const { handle } = start(() => jsonResponse({ code: 'file-too-large', detail: 'Too large.', retryable: false }, 413));
  await turn(100);
  expect(handle.snapshot).toMatchObject({ state: 'failed', error: { type: 'validation', code: 'file-too-large' } });
});

test('a Blob that cannot be read any more is a typed error that is not repeated', async () => {
  const well = wellBehaved(2_000, 1_000);
  const transport = fakeTransport(well);
  const client = createUploadClient({ endpoint: '', transport, runtime });
  const gone = new Blob([new Uint8Array(2_000)]);
  gone.slice = () =>
    Object.assign(new Blob([new Uint8Array(1_000)]), {
      arrayBuffer: () => Promise.reject(new DOMException('x', 'NotReadableError')),
    });
  const handle = client.add(gone);
  await turn(100);
  expect(handle.snapshot.error).toMatchObject({ type: 'validation', code: 'source-unreadable', retryable: false });
});

test('a clock that is set back while the server finishes does not put off the next question', async () => {
  let asked = 0;
  const size = 1_000;
  const sender = wellBehaved(size, size);
  const { handle } = start((request, signal) => {
    if (!/complete/.test(request.url)) return sender(request, signal);
    asked += 1;
    if (asked > 1) return sender(request, signal);
    runtime.setClock(-3_600_000);
    return jsonResponse(viewOf(size, size, { state: 'validating', receivedBytes: size, missingChunks: [] }));
  }, size);
  await turn();
  expect(handle.snapshot.state).toBe('finishing');
  await turn(5_000);
  expect(handle.snapshot.state).toBe('completed');
});

test('credentials that never come are given up after four times the stall time, asked for again, and told of in the end', async () => {
  let asked = 0;
  const getHeaders = () => {
    asked += 1;
    return new Promise<never>(() => {});
  };
  const { handle } = start(wellBehaved(4_000, 1_000), 4_000, { getHeaders, stallTimeoutMs: 30_000 });
  await turn(119_000);
  expect([asked, handle.snapshot.state]).toEqual([1, 'preparing']);
  await turn(1_100);
  expect(handle.snapshot).toMatchObject({ state: 'waiting', waiting: { reason: 'retrying' } });
  for (let i = 0; i < 20 && handle.snapshot.state !== 'failed'; i += 1) await turn(120_000);
  expect(asked).toBe(8);
  expect(handle.snapshot.error).toMatchObject({ code: 'headers-failed', message: expect.stringContaining('120 s') });
  await runtime.advance(1_000);
  expect([runtime.listeners, runtime.pendingTimers]).toEqual([0, 0]);
});

test('it is given up only when the server has not answered for so long: a refusal is an answer', async () => {
  const well = wellBehaved(2_000, 1_000);
  const began = runtime.now();
  const { handle } = start(
    (request, signal) => {
      const seconds = (runtime.now() - began) / 1_000;
      if (!/chunks/.test(request.url) || seconds > 150) return well(request, signal);
      // The connection broke in the middle of a chunk, which the server keeps for the one that it believes to be still there.
      if (seconds > 45 && seconds < 75) return jsonResponse({ code: 'chunk-busy', retryable: true }, 409);
      throw new Error('ECONNREFUSED');
    },
    2_000,
    { giveUpAfterMs: 100_000 },
  );
  for (let i = 0; i < 80 && handle.snapshot.state !== 'completed'; i += 1) await turn(5_000);
  expect(handle.snapshot).toMatchObject({ state: 'completed', error: null });
});

test('retry after it was given up waits as long again', async () => {
  let away = true;
  const well = wellBehaved(2_000, 1_000);
  const respond: Responder = (request, signal) => {
    if (away) throw new Error('ECONNREFUSED');
    return well(request, signal);
  };
  const { handle } = start(respond, 2_000, { giveUpAfterMs: 100_000 });
  for (let i = 0; i < 80 && handle.snapshot.state !== 'failed'; i += 1) await turn(5_000);
  expect(handle.snapshot.error).toMatchObject({ code: 'unreachable' });
  handle.retry();
  await turn(50_000);
  expect(handle.snapshot.state).toBe('waiting');
  away = false;
  for (let i = 0; i < 80 && handle.snapshot.state !== 'completed'; i += 1) await turn(5_000);
  expect(handle.snapshot.state).toBe('completed');
});
