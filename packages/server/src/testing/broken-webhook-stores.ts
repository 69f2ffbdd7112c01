/** Webhook stores with one obligation broken each: the suite has to find out every one of them. */
import type { WebhookStore } from '../core/ports/webhook-store.ts';
import type { BrokenAdapter } from './conformance.ts';
import { instead } from './stand-in.ts';
import type { WebhookStores } from './webhook-store-suite.ts';

function both(change: (store: WebhookStore) => Partial<WebhookStore>): (stores: WebhookStores) => WebhookStores {
  return ({ store, other, uploads }) => ({
    store: instead(store, change(store)),
    other: instead(other, change(other)),
    uploads,
  });
}

export const brokenWebhookStores: readonly BrokenAdapter<WebhookStores>[] = [
  {
    name: 'begins at the start of the log',
    caughtBy: 'a new endpoint begins at the end of the log, and stays where it is put',
    break: both(() => ({ positions: async (endpoints) => new Map(endpoints.map((endpoint) => [endpoint, 0])) })),
  },
  {
    name: 'moves a position from wherever it is',
    caughtBy: 'of several processes, one moves a position and makes the deliveries',
    break: both((store) => ({
      enqueue: async (endpoint, range, deliveries) => {
        for (;;) {
          const after = (await store.positions([endpoint], 0)).get(endpoint) ?? 0;
          const through = Math.max(after, range.through);
          if (await store.enqueue(endpoint, { after, through }, deliveries)) return true;
        }
      },
    })),
  },
  {
    name: 'claims more than it was asked for',
    caughtBy: 'claims give what is due, the longest due first, with everything that is known of it',
    break: both((store) => ({ claim: (request) => store.claim({ ...request, limit: request.limit + 1 }) })),
  },
  {
    name: 'claims without a lease',
    caughtBy: 'a lease that ended is taken over, and the result of who had it is refused',
    break: both((store) => ({ claim: (request) => store.claim({ ...request, leaseMs: 0 }) })),
  },
  {
    name: 'hands out what somebody else has',
    caughtBy: 'no delivery is claimed twice, however many processes ask at once',
    break: both((store) => {
      const given = new Set<string>();
      return {
        claim: async (request) => {
          const some = await store.claim(request);
          const [first] = some;
          if (!first || given.has(first.messageId)) return some;
          given.add(first.messageId);
          await store.release(first, request.now);
          return some;
        },
      };
    }),
  },
  {
    name: 'believes every result',
    caughtBy: 'a lease that ended is taken over, and the result of who had it is refused',
    break: both((store) => ({
      delivered: async (claim, result) => {
        const fences = [claim.fence, claim.fence + 1];
        for (const fence of fences) if ((await store.delivered({ ...claim, fence }, result)) === 'applied') break;
        return 'applied';
      },
    })),
  },
  {
    name: 'tries again at once',
    caughtBy: 'a failed attempt is due again when it says, and failed for good when it says never',
    break: both((store) => ({
      failed: (claim, result) => store.failed(claim, { ...result, nextAt: result.nextAt === null ? null : result.at }),
    })),
  },
  {
    name: 'counts an attempt that was released',
    caughtBy:
      'what is released is due at once and its attempt does not count; what a dead holder had too, but of nobody else',
    break: both((store) => ({
      release: (claim, now) => store.failed(claim, { at: now, status: null, error: null, nextAt: now }),
    })),
  },
  {
    name: 'counts what has ended as pending',
    caughtBy: 'deliveries are counted by endpoint and state',
    break: both((store) => ({
      countPending: async () =>
        new Map((await store.counts()).map((one) => [one.endpoint, one.pending + one.delivered + one.failed])),
    })),
  },
  {
    name: 'forgets the rest of a page',
    caughtBy: 'what failed is listed, the newest events first, in pages',
    break: both((store) => ({ troubled: async (query) => ({ ...(await store.troubled(query)), cursor: null }) })),
  },
  {
    name: 'sends nothing again that was delivered',
    caughtBy:
      'a retry makes what failed due at once, and a message also when it was delivered; nothing that is under way',
    break: both((store) => ({
      retry: async (order) => (order.messageId === undefined ? store.retry(order) : 0),
    })),
  },
  {
    name: 'deletes by the wrong time',
    caughtBy: 'old ended deliveries are deleted, and old pending ones that nobody serves given up',
    break: both((store) => ({ purge: (before, limit) => store.purge(before + 1, limit) })),
  },
];
