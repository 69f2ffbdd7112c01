/** What the engine does about refusals of the server, on real sockets. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createUploadClient, type UploadClientOptions } from '../src/index.ts';
import { nodeTransport } from '../src/node/index.ts';
import { ContractServer } from './contract-server.ts';
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
    const receipt = { index: 0, length: 1_000, receivedBytes: 3_000 };
    const answers = ['<html>Please log in</html>', '{"welcome":true}', JSON.stringify(receipt)];
    server.intercept = (seen) => {
      const text = seen.index === 1 ? answers.shift() : undefined;
      return text === undefined ? undefined : { status: 200, text };
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

  test('that do not come at all hold up nobody who pauses and goes on', async () => {
    let asked = 0;
    const client = clientOf({
      getHeaders: () => {
        asked += 1;
        // The first chunk waits for them.
        return asked === 2 ? new Promise(() => {}) : {};
      },
    });
    const handle = client.add(fileOf(someBytes(10)));
    await expect.poll(() => asked).toBe(2);
    await handle.pause();
    handle.resume();
    await handle.done;
  });
});
