/** Pause, resume, cancel: what the caller says, and what others do meanwhile. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createUploadClient, type UploadClientOptions } from '../src/index.ts';
import { nodeTransport } from '../src/node/index.ts';
import { ownedClient } from '../src/react/owned-client.ts';
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

  test('a pause that was taken back before the server had it does not stop the upload when it arrives', async () => {
    const [pause, chunks] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    server.intercept = (seen) => {
      if (seen.path.endsWith('/pause')) return pause.promise;
      return seen.index !== null && seen.index >= 4 ? chunks.promise : undefined;
    };
    const handle = clientOf().add(fileOf(someBytes(10_000)));
    await until(handle, (s) => s.chunksAcknowledged === 4);
    void handle.pause();
    await expect.poll(() => server.requests('POST', /pause/).length).toBe(1);
    server.seen.length = 0;
    handle.resume();
    await expect.poll(() => server.requests('PUT', /chunks/).length).toBeGreaterThan(0);
    pause.resolve(undefined);
    await expect.poll(() => server.upload.state).toBe('paused');
    chunks.resolve(undefined);
    await handle.done;
    expect(server.requests('POST', /resume/)).toHaveLength(1);
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

  describe('while it is to be created, with credentials that do not come', () => {
    function waitingForCredentials() {
      const credentials = { come: false, asked: 0 };
      const getHeaders = () => {
        credentials.asked += 1;
        return credentials.come ? {} : new Promise<never>(() => {});
      };
      const handle = clientOf({ getHeaders }).add(fileOf(someBytes(3_000)));
      return { credentials, handle };
    }
    const inTime = (promise: Promise<unknown>) =>
      Promise.race([promise.then(() => 'in time'), new Promise((resolve) => setTimeout(resolve, 2_000, 'late'))]);

    test.each(['pause', 'stop'] as const)('%s is obeyed, and resume goes on', async (command) => {
      const { credentials, handle } = waitingForCredentials();
      await expect.poll(() => credentials.asked).toBe(1);
      const paused = handle[command]();
      expect(handle.snapshot.state).toBe('paused');
      if (paused !== undefined) expect(await inTime(paused)).toBe('in time');
      credentials.come = true;
      handle.resume();
      expect(await inTime(handle.done)).toBe('in time');
      expect(server.uploads.size).toBe(1);
    });

    test('a creation that is refused for its credentials after stop and resume is asked for again', async () => {
      let refuse = () => {};
      server.intercept = (seen) => {
        if (seen.path !== '/v1/uploads' || server.requests('POST', /uploads$/).length > 1) return undefined;
        return new Promise((resolve) => {
          refuse = () => resolve({ status: 401, code: 'unauthenticated' });
        });
      };
      const handle = clientOf().add(fileOf(someBytes(3_000)));
      await expect.poll(() => server.seen.length).toBe(1);
      handle.stop();
      handle.resume();
      await new Promise((resolve) => setTimeout(resolve, 50));
      refuse();
      expect(await inTime(handle.done)).toBe('in time');
      expect(server.uploads.size).toBe(1);
    });

    test('cancel is obeyed, and nothing is created', async () => {
      const { credentials, handle } = waitingForCredentials();
      await expect.poll(() => credentials.asked).toBe(1);
      expect(await inTime(handle.cancel())).toBe('in time');
      expect(server.seen).toEqual([]);
    });
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

  test('what somebody else paused goes on when they resume it, also when its component has gone', async () => {
    const letThrough = holdChunksFrom(2);
    let fast = false;
    const runtime = {
      ...quick,
      after: (ms: number, callback: () => void) => {
        const timer = setTimeout(callback, fast ? Math.min(ms, 20) : ms);
        return () => clearTimeout(timer);
      },
    };
    const { client, hold } = ownedClient(clientOf({ runtime, stallTimeoutMs: 5_000 }));
    const letGo = hold();
    const handle = client.add(fileOf(someBytes(6_000)));
    await until(handle, (s) => s.chunksAcknowledged === 2);
    server.upload.state = 'paused';
    fast = true;
    letThrough();
    await until(handle, (s) => s.state === 'paused');
    fast = false;
    letGo();
    await new Promise((resolve) => setTimeout(resolve, 50));
    server.upload.state = 'receiving';
    server.intercept = () => undefined;
    await handle.done;
  });

  test.each(['pause', 'stop'] as const)(
    'what somebody else paused is left alone after %s, until it is resumed here',
    async (command) => {
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
      await handle[command]();
      const asked = server.seen.length;
      server.upload.state = 'receiving';
      server.intercept = () => undefined;
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(server.seen).toHaveLength(asked);
      expect(handle.snapshot.state).toBe('paused');
      handle.resume();
      await handle.done;
    },
  );
});
