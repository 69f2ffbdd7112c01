/** The conformance suite of `WebhookStore`. */
import { expect } from 'vitest';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { NewDelivery, WebhookStore } from '../core/ports/webhook-store.ts';
import type { Delivery } from '../core/webhook.ts';
import { type Check, type Fixture, registerSuite, type Suite } from './conformance.ts';
import { sampleEvent, sampleUpload, someTime, unique } from './sample-upload.ts';

export interface WebhookStores {
  readonly store: WebhookStore;
  /** The same data opened once more, as another process would. */
  readonly other: WebhookStore;
  /** Where the event log of the same data is written. */
  readonly uploads: UploadStore;
}

type WebhookCheck = Check<WebhookStores>;

const leaseMs = 1_000;
const result = { at: someTime + 5, status: 500, error: '500: no', nextAt: someTime + 60 } as const;

let lastEventId = 0;
/** Deliveries of events that come one after the other. */
export function sampleDelivery(given: Partial<NewDelivery> = {}): NewDelivery {
  lastEventId += 1;
  return {
    messageId: unique('evt'),
    eventId: lastEventId,
    type: 'upload.completed',
    payload: '{"ü":1}',
    createdAt: someTime,
    giveUpAt: someTime + 9_000,
    ...given,
  };
}

/** An endpoint with these deliveries. */
async function endpointWith(store: WebhookStore, deliveries: readonly NewDelivery[]): Promise<string> {
  const endpoint = unique('endpoint');
  const position = (await store.positions([endpoint], someTime)).get(endpoint) ?? Number.NaN;
  expect(await store.enqueue(endpoint, { after: position, through: position + 1 }, deliveries)).toBe(true);
  return endpoint;
}

async function claimed(store: WebhookStore, endpoint: string, given: { now?: number; holder?: string } = {}) {
  return store.claim({ endpoint, holder: 'node-a', now: someTime, leaseMs, limit: 10, ...given });
}

async function one(store: WebhookStore, endpoint: string, given: { now?: number } = {}): Promise<Delivery> {
  const [delivery, ...more] = await claimed(store, endpoint, given);
  if (!delivery || more.length > 0) throw new Error('One delivery should have been due.');
  return delivery;
}

async function countsOf(store: WebhookStore, endpoint: string) {
  return (await store.counts()).find((counts) => counts.endpoint === endpoint);
}

const queueChecks: readonly WebhookCheck[] = [
  {
    name: 'a new endpoint begins at the end of the log, and stays where it is put',
    run: async ({ store, other, uploads }) => {
      await uploads.create(sampleUpload(), [sampleEvent('before')], [], Number.POSITIVE_INFINITY);
      const newest = (await uploads.events({ take: 'newest', after: 0, limit: 1 }))[0]?.id ?? 0;
      const endpoint = unique('endpoint');
      expect(await store.positions([endpoint], someTime)).toEqual(new Map([[endpoint, newest]]));
      await uploads.create(sampleUpload(), [sampleEvent('after')], [], Number.POSITIVE_INFINITY);
      expect((await other.positions([endpoint, unique('endpoint')], someTime)).get(endpoint)).toBe(newest);
      await store.enqueue(endpoint, { after: newest, through: newest + 1 }, []);
      expect(await other.positions([endpoint], someTime)).toEqual(new Map([[endpoint, newest + 1]]));
      expect(await store.positions([], someTime)).toEqual(new Map());
    },
  },
  {
    name: 'of several processes, one moves a position and makes the deliveries',
    run: async ({ store, other }) => {
      const endpoint = unique('endpoint');
      const after = (await store.positions([endpoint], someTime)).get(endpoint) ?? 0;
      const move = { after, through: after + 10 };
      const racers = [store, other, store, other, store, other];
      const moved = await Promise.all(racers.map((racer) => racer.enqueue(endpoint, move, [sampleDelivery()])));
      expect(moved.filter((won) => won)).toHaveLength(1);
      expect(await countsOf(other, endpoint)).toMatchObject({ pending: 1 });
      expect((await other.positions([endpoint], someTime)).get(endpoint)).toBe(after + 10);
    },
  },
  {
    name: 'claims give what is due, the longest due first, with everything that is known of it',
    run: async ({ store, other }) => {
      const [first, second, third] = [sampleDelivery(), sampleDelivery(), sampleDelivery({ createdAt: someTime - 1 })];
      const later = sampleDelivery({ createdAt: someTime + 100 });
      const endpoint = await endpointWith(store, [first, second, third, later]);
      const stranger = await endpointWith(store, [sampleDelivery()]);
      const some = await other.claim({ endpoint, holder: 'node-a', now: someTime, leaseMs, limit: 2 });
      expect(some.map((delivery) => delivery.messageId)).toEqual([first.messageId, third.messageId]);
      expect(some[0]).toEqual({
        ...first,
        endpoint,
        state: 'pending',
        attempts: 1,
        fence: 1,
        holder: 'node-a',
        nextAt: someTime + leaseMs,
        lastAt: null,
        lastStatus: null,
        lastError: null,
        endedAt: null,
      });
      expect((await claimed(store, endpoint)).map((delivery) => delivery.messageId)).toEqual([second.messageId]);
      expect(await claimed(store, endpoint)).toEqual([]);
      expect(await claimed(store, unique('endpoint'))).toEqual([]);
      expect(await store.nextDue(endpoint)).toBe(someTime + 100);
      expect(await claimed(store, stranger)).toHaveLength(1);
    },
  },
  {
    name: 'no delivery is claimed twice, however many processes ask at once',
    run: async ({ store, other }) => {
      const deliveries = Array.from({ length: 40 }, () => sampleDelivery());
      const endpoint = await endpointWith(store, deliveries);
      const worker = async (own: WebhookStore): Promise<string[]> => {
        const got: string[] = [];
        for (;;) {
          const some = await own.claim({ endpoint, holder: 'node-a', now: someTime, leaseMs, limit: 3 });
          if (some.length === 0) return got;
          got.push(...some.map((delivery) => delivery.messageId));
        }
      };
      // A worker can find nothing while others hold the rows that it looks at: what is left then is asked for once more.
      const all = (await Promise.all([store, other, store, other].map(worker))).flat();
      all.push(...(await worker(store)));
      expect(all.toSorted()).toEqual(deliveries.map((delivery) => delivery.messageId).toSorted());
    },
  },
];

const attemptChecks: readonly WebhookCheck[] = [
  {
    name: 'a lease that ended is taken over, and the result of who had it is refused',
    run: async ({ store, other }) => {
      const endpoint = await endpointWith(store, [sampleDelivery()]);
      const stale = await one(store, endpoint);
      expect(await claimed(other, endpoint, { now: someTime + leaseMs - 1 })).toEqual([]);
      const fresh = await one(other, endpoint, { now: someTime + leaseMs });
      expect(fresh).toMatchObject({ attempts: 2, fence: stale.fence + 1 });
      expect(await store.delivered(stale, { ...result, nextAt: null })).toBe('lost');
      expect(await store.failed(stale, result)).toBe('lost');
      expect(await store.release(stale, someTime)).toBe('lost');
      expect(await countsOf(store, endpoint)).toMatchObject({ pending: 1, delivered: 0 });
      expect(await other.delivered(fresh, { ...result, nextAt: null })).toBe('applied');
      expect(await other.failed(fresh, result), 'it has ended').toBe('lost');
      expect(await countsOf(store, endpoint)).toMatchObject({ pending: 0, delivered: 1 });
    },
  },
  {
    name: 'a failed attempt is due again when it says, and failed for good when it says never',
    run: async ({ store }) => {
      const endpoint = await endpointWith(store, [sampleDelivery()]);
      expect(await store.failed(await one(store, endpoint), result)).toBe('applied');
      expect(await store.nextDue(endpoint)).toBe(result.nextAt);
      expect(await claimed(store, endpoint, { now: result.nextAt - 1 })).toEqual([]);
      const again = await one(store, endpoint, { now: result.nextAt });
      expect(again).toMatchObject({ attempts: 2, lastAt: result.at, lastStatus: 500, lastError: '500: no' });
      await store.failed(again, { at: someTime + 70, status: null, error: 'refused', nextAt: null });
      expect(await claimed(store, endpoint, { now: someTime + 999_999 })).toEqual([]);
      expect(await store.nextDue(endpoint)).toBeNull();
      const [failed] = (await store.troubled({ endpoint, limit: 5 })).items;
      expect(failed).toMatchObject({ state: 'failed', holder: null, endedAt: someTime + 70, lastStatus: null });
    },
  },
  {
    name: 'what is released is due at once and its attempt does not count; what a dead holder had too, but of nobody else',
    run: async ({ store, other }) => {
      const endpoint = await endpointWith(store, [sampleDelivery()]);
      expect(await store.release(await one(store, endpoint), someTime + 1)).toBe('applied');
      const [dead, alive] = [unique('node'), unique('node')];
      expect(await claimed(store, endpoint, { now: someTime + 1, holder: dead })).toMatchObject([{ attempts: 1 }]);
      const busy = await endpointWith(store, [sampleDelivery()]);
      await claimed(store, busy, { holder: alive });
      expect(await other.reclaim(dead, someTime + 2)).toBe(1);
      expect(await claimed(other, endpoint, { now: someTime + 2 })).toMatchObject([{ attempts: 2 }]);
      expect(await claimed(other, busy, { now: someTime + 2 })).toEqual([]);
    },
  },
];

const careChecks: readonly WebhookCheck[] = [
  {
    name: 'deliveries are counted by endpoint and state',
    run: async ({ store, other }) => {
      const old = sampleDelivery({ createdAt: someTime - 50 });
      const endpoint = await endpointWith(store, [sampleDelivery(), old, sampleDelivery(), sampleDelivery()]);
      const [a, b] = await store.claim({ endpoint, holder: 'node-a', now: someTime, leaseMs, limit: 3 });
      if (!a || !b) throw new Error('Three should have been due.');
      await store.delivered(a, { at: someTime + 7, status: 204, error: null, nextAt: null });
      await store.failed(b, { ...result, nextAt: null });
      const counts = { endpoint, pending: 2, delivered: 1, failed: 1, lastDeliveredAt: someTime + 7 };
      expect(await countsOf(other, endpoint)).toMatchObject(counts);
      expect((await other.countPending()).get(endpoint)).toBe(2);
      const waiting = await endpointWith(store, [old, sampleDelivery()]);
      expect(await countsOf(other, waiting)).toMatchObject({ oldestPendingAt: someTime - 50, lastDeliveredAt: null });
    },
  },
  {
    name: 'what failed is listed, the newest events first, in pages',
    run: async ({ store, other }) => {
      const deliveries = Array.from({ length: 5 }, () => sampleDelivery());
      const endpoint = await endpointWith(store, deliveries);
      const twin = await endpointWith(store, deliveries);
      for (const name of [endpoint, twin])
        for (const [i, delivery] of (await claimed(store, name)).entries()) {
          if (i === 4) await store.delivered(delivery, { ...result, nextAt: null });
          else await store.failed(delivery, i === 0 ? { ...result, nextAt: null } : result);
        }
      await endpointWith(store, [sampleDelivery()]);
      const expected = deliveries.slice(0, 4).map((delivery) => delivery.messageId);
      const ids: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await other.troubled({ endpoint, limit: 3, ...(cursor === null ? {} : { cursor }) });
        ids.push(...page.items.map((delivery) => delivery.messageId));
        cursor = page.cursor;
      } while (cursor !== null);
      expect(ids).toEqual(expected.toReversed());
      const everywhere = await other.troubled({ limit: 500 });
      const both = everywhere.items.filter((delivery) => [endpoint, twin].includes(delivery.endpoint));
      expect(both.map((delivery) => delivery.messageId)).toEqual(expected.toReversed().flatMap((id) => [id, id]));
    },
  },
  {
    name: 'a retry makes what failed due at once, and a message also when it was delivered; nothing that is under way',
    run: async ({ store, other }) => {
      const [sent, waits, dead, busy, fresh] = Array.from({ length: 5 }, () => sampleDelivery());
      if (!sent || !waits || !dead || !busy || !fresh) throw new Error('Five deliveries.');
      const endpoint = await endpointWith(store, [sent, waits, dead, busy, fresh]);
      const stranger = await endpointWith(store, [dead]);
      const [a, b, c, d] = await store.claim({ endpoint, holder: 'node-a', now: someTime, leaseMs, limit: 4 });
      const e = await one(store, stranger);
      if (!a || !b || !c || !d) throw new Error('Four should have been due.');
      await store.delivered(a, { ...result, nextAt: null });
      await store.failed(b, result);
      for (const delivery of [c, e]) await store.failed(delivery, { ...result, nextAt: null });
      const order = { endpoints: [endpoint], now: someTime + 20, giveUpAt: someTime + 99_000 };
      expect(await other.retry(order)).toBe(2);
      expect(await countsOf(other, stranger)).toMatchObject({ failed: 1 });
      const due = await claimed(other, endpoint, { now: someTime + 20 });
      expect(due.map((delivery) => delivery.messageId)).toEqual([waits, dead, fresh].map((one) => one.messageId));
      expect(due[1]).toMatchObject({
        state: 'pending',
        attempts: 1,
        fence: 2,
        giveUpAt: order.giveUpAt,
        endedAt: null,
      });
      expect(await other.retry({ ...order, messageId: busy.messageId })).toBe(0);
      expect(await other.retry({ ...order, messageId: sent.messageId })).toBe(1);
      expect(await claimed(other, endpoint, { now: someTime + 20 })).toMatchObject([{ messageId: sent.messageId }]);
      expect(await other.retry({ ...order, endpoints: [] })).toBe(0);
    },
  },
  {
    name: 'old ended deliveries are deleted, and old pending ones that nobody serves given up',
    run: async ({ store, other }) => {
      const longAgo = { createdAt: 1_000, giveUpAt: 2_000 };
      const endpoint = await endpointWith(store, [sampleDelivery(longAgo), sampleDelivery(longAgo), sampleDelivery()]);
      const [first] = await store.claim({ endpoint, holder: 'node-a', now: 1_000, leaseMs: 1, limit: 1 });
      if (!first) throw new Error('One should have been due.');
      await store.delivered(first, { at: 1_500, status: 200, error: null, nextAt: null });
      expect(await other.purge(1_500, 10)).toBe(0);
      expect(await other.purge(1_501, 10)).toBe(1);
      expect(await countsOf(store, endpoint)).toMatchObject({ delivered: 0, pending: 2 });
      expect(await other.abandon(2_000, 3_000, 10)).toBe(0);
      expect(await other.abandon(2_001, 3_000, 10)).toBe(1);
      expect(await countsOf(store, endpoint)).toMatchObject({ pending: 1, failed: 1 });
      const [given] = (await other.troubled({ endpoint, limit: 5 })).items;
      expect(given).toMatchObject({
        state: 'failed',
        lastAt: 3_000,
        endedAt: 3_000,
        lastError: expect.stringMatching(/nobody served/),
      });
      expect(await other.purge(3_001, 10)).toBe(1);
      expect(await countsOf(store, endpoint)).toMatchObject({ pending: 1, failed: 0 });
    },
  },
];

export const webhookStoreChecks: readonly WebhookCheck[] = [...queueChecks, ...attemptChecks, ...careChecks];

export function webhookStoreSuite(name: string, open: () => Promise<Fixture<WebhookStores>>): Suite<WebhookStores> {
  return { name: `WebhookStore on ${name}`, checks: webhookStoreChecks, open };
}

/** Registers the suite for an adapter: `open` gives one database, opened twice. */
export function registerWebhookStoreSuite(name: string, open: () => Promise<Fixture<WebhookStores>>): void {
  registerSuite(webhookStoreSuite(name, open));
}
