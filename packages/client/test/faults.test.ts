/** Broken networks on real sockets: everything has to arrive all the same, and little of it twice. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createUploadClient, type UploadClientOptions, type UploadHandle } from '../src/index.ts';
import { nodeTransport } from '../src/node/index.ts';
import { ContractServer, digestOf } from './contract-server.ts';
import { FaultProxy, type Plan } from './fault-proxy.ts';

let server: ContractServer;
let proxy: FaultProxy;
let transport: ReturnType<typeof nodeTransport>;

beforeEach(async () => {
  server = await ContractServer.start();
  proxy = await FaultProxy.start(server.port);
  transport = nodeTransport();
});
afterEach(async () => {
  transport.close();
  await proxy[Symbol.asyncDispose]();
  await server.stop();
});

const clientOf = (options: Partial<UploadClientOptions> = {}) =>
  createUploadClient({ endpoint: proxy.url, transport, runtime: { random: () => 0.005 }, ...options });
const someBytes = (length: number) => new Uint8Array(randomBytes(length));

function statesOf(handle: UploadHandle): Set<string> {
  const states = new Set<string>();
  handle.subscribe(() => states.add(handle.snapshot.waiting?.reason ?? handle.snapshot.state));
  return states;
}

/** The first connections get these plans, the others none. */
function plan(...plans: (Plan | null)[]): void {
  proxy.nextPlan = () => plans.shift() ?? null;
}

test('connections that are reset in the middle cost at most what was on them', async () => {
  const bytes = someBytes(300_000);
  server.chunkSize = 30_000;
  plan(...[1_000, 50_000, 5_000, 70_000, 0, 45_000].map((afterBytes): Plan => ({ afterBytes, fault: 'reset' })));
  const handle = clientOf().add(new Blob([bytes]));
  await handle.done;
  expect(server.upload.bytes.equals(bytes)).toBe(true);
  expect(proxy.cuts).toBe(6);
});

test('an answer that is lost after the bytes were stored does no harm', async () => {
  const bytes = someBytes(20_000);
  server.chunkSize = 5_000;
  plan({ afterBytes: 1_000, fault: 'lose answer' }, { afterBytes: 1_000, fault: 'lose answer' });
  await clientOf().add(new Blob([bytes])).done;
  expect(server.upload.bytes.equals(bytes)).toBe(true);
});

test('a bit that flips on the way is noticed, and the chunk sent again', async () => {
  const bytes = someBytes(20_000);
  server.chunkSize = 10_000;
  plan({ afterBytes: 6_000, fault: 'corrupt' }, { afterBytes: 6_000, fault: 'corrupt' });
  const handle = clientOf({ parallel: 2 }).add(new Blob([bytes]));
  const { sha256 } = await handle.done;
  expect(proxy.cuts).toBeGreaterThan(0);
  expect(sha256).toBe(digestOf(bytes));
});

test('a half-open connection is cut off after the stall time; the others go on meanwhile', async () => {
  const bytes = someBytes(3_000_000);
  server.chunkSize = 1_000_000;
  plan(null, { afterBytes: 100_000, fault: 'freeze' });
  const startedAt = performance.now();
  const handle = clientOf({ stallTimeoutMs: 300 }).add(new Blob([bytes]));
  await handle.done;
  expect(server.upload.bytes.equals(bytes)).toBe(true);
  expect(performance.now() - startedAt).toBeGreaterThan(290);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test('a server that takes the bytes and never answers is a stall too', async () => {
  let silent = true;
  server.intercept = (seen) => {
    if (seen.index !== 0 || !silent) return undefined;
    silent = false;
    return 'silence';
  };
  await clientOf({ stallTimeoutMs: 200 }).add(new Blob([someBytes(3_000)])).done;
  expect(server.requests('PUT', /chunks\/0$/)).toHaveLength(2);
});

test('a slow connection is not taken for a stall', async () => {
  proxy.pieceDelayMs = 15;
  const bytes = someBytes(4_000_000);
  server.chunkSize = 4_000_000;
  const startedAt = performance.now();
  // Slower in all than the stall time, but never silent for so long.
  await clientOf({ stallTimeoutMs: 700 }).add(new Blob([bytes])).done;
  expect(performance.now() - startedAt).toBeGreaterThan(700);
  expect(server.requests('PUT', /chunks/)).toHaveLength(1);
});

test('a server that is killed and started again on the same port is waited for', async () => {
  const bytes = someBytes(200_000);
  server.chunkSize = 5_000;
  const handle = clientOf().add(new Blob([bytes]));
  const states = statesOf(handle);
  for (let i = 0; i < 3; i += 1) {
    await expect
      .poll(() => server.uploads.size > 0 && server.upload.have.size, { interval: 2 })
      .toBeGreaterThan(i * 10);
    await server.stop();
    const acknowledged = handle.snapshot.bytesAcknowledged;
    await delay(150);
    expect(handle.snapshot.bytesAcknowledged).toBeGreaterThanOrEqual(acknowledged);
    await server.listen();
  }
  await handle.done;
  expect(server.upload.bytes.equals(bytes)).toBe(true);
  expect(states).toContain('unreachable');
  expect(server.uploads.size).toBe(1);
});

test('a server that is killed while it finishes is asked again', async () => {
  server.finishingAnswers = 1;
  const handle = clientOf().add(new Blob([someBytes(3_000)]));
  await expect.poll(() => handle.snapshot.state, { interval: 2 }).toBe('finishing');
  await server.stop();
  await delay(100);
  await server.listen();
  await handle.done;
});

test('with a limit, a server that stays away is a typed network error; retry goes on', async () => {
  const bytes = someBytes(20_000);
  let dead = false;
  server.intercept = async (seen) => {
    if (seen.index === 5 && !dead) {
      dead = true;
      void server.stop();
    }
    return undefined;
  };
  const handle = clientOf({ giveUpAfterMs: 200 }).add(new Blob([bytes]));
  await expect(handle.done).rejects.toMatchObject({ type: 'network', code: 'unreachable', retryable: true });
  expect(handle.snapshot.bytesAcknowledged).toBeGreaterThan(0);
  await server.listen();
  handle.retry();
  await handle.done;
  expect(server.uploads.size).toBe(1);
});

test('whatever happens to the connections, every byte arrives, and each cut costs at most a chunk', async () => {
  const plans = fc.array(
    fc.record({
      afterBytes: fc.integer({ min: 0, max: 40_000 }),
      fault: fc.constantFrom(
        'reset' as const,
        'reset' as const,
        'lose answer' as const,
        'corrupt' as const,
        'freeze' as const,
      ),
    }),
    { maxLength: 8 },
  );
  const property = fc.asyncProperty(
    fc.integer({ min: 0, max: 60_000 }),
    fc.integer({ min: 500, max: 20_000 }),
    fc.integer({ min: 1, max: 4 }),
    plans,
    async (size, chunkSize, parallel, connectionPlans) => {
      server.uploads.clear();
      server.seen.length = 0;
      proxy.cuts = 0;
      plan(...connectionPlans);
      const bytes = someBytes(size);
      // Connections of the last run must not carry into this one.
      const own = nodeTransport();
      const client = clientOf({ transport: own, parallel, chunkSize, stallTimeoutMs: 300 });
      const { sha256, uploadId } = await client.add(new Blob([bytes])).done;
      own.close();
      expect(sha256).toBe(digestOf(bytes));
      expect(server.uploads.get(uploadId)?.bytes.equals(bytes)).toBe(true);
      const arrived = server.requests('PUT', /chunks/).reduce((sum, seen) => sum + seen.bytes, 0);
      expect(arrived).toBeLessThanOrEqual(size + proxy.cuts * chunkSize);
    },
  );
  await fc.assert(property, { numRuns: 40, endOnFailure: true });
}, 120_000);
