/** Upload stores with one obligation broken each: the suite has to find out every one of them. */
import { HoldfastError } from '../core/errors.ts';
import type { Decision, Rule, UploadStore } from '../core/ports/upload-store.ts';
import type { BrokenAdapter } from './conformance.ts';
import { instead } from './stand-in.ts';
import type { UploadStores } from './upload-store-subject.ts';

type Accepted = Extract<Decision, { kind: 'accept' }>;

function both(change: (store: UploadStore) => Partial<UploadStore>): (stores: UploadStores) => UploadStores {
  return ({ store, other, ...tokens }) => ({
    ...tokens,
    store: instead(store, change(store)),
    other: instead(other, change(other)),
  });
}

/** Changes what rules accept before it is applied. */
function accepting(
  change: (accepted: Accepted, current: Parameters<Rule>[0]) => Accepted,
): (stores: UploadStores) => UploadStores {
  return both((store) => ({
    decide: (id, at, rule) =>
      store.decide(id, at, (current, extent) => {
        const decision = rule(current, extent);
        return decision.kind === 'accept' ? change(decision, current) : decision;
      }),
  }));
}

const finishesOnce = 'exactly one receipt completes an upload, however they collide';
const applied = 'a decision is applied whole and seen by every process once it resolves';

export const brokenUploadStores: readonly BrokenAdapter<UploadStores>[] = [
  {
    name: 'decides outside the lock and then writes',
    caughtBy: finishesOnce,
    break: both((store) => ({
      decide: async (id, at, rule) => {
        const found = await store.findWithExtent(id, Number(at ?? 0));
        if (!found) return null;
        const decision = rule(found.upload, at === null ? null : found.extent);
        if (decision.kind === 'reject') return decision;
        // As a store that writes blindly: no lock, duplicate extents ignored.
        return store.decide(id, null, (current) => ({
          ...decision,
          next: { ...decision.next, lastEvent: current.lastEvent },
          writes: [],
        }));
      },
    })),
  },
  {
    name: 'reads, modifies and writes a counter',
    caughtBy: 'decisions on one upload are made one after the other, in all processes',
    break: both((store) => ({
      decide: async (id, at, rule) => {
        const stale = await store.find(id);
        if (!stale) return null;
        return store.decide(id, at, (current, extent) => rule({ ...stale, lastEvent: current.lastEvent }, extent));
      },
    })),
  },
  {
    name: 'swallows rejections',
    caughtBy: 'a rejection comes back and changes nothing',
    break: both((store) => ({
      decide: async (id, at, rule) => {
        const decision = await store.decide(id, at, rule);
        return decision?.kind === 'reject' ? null : decision;
      },
    })),
  },
  {
    name: 'swallows what a rule throws',
    caughtBy: 'a rule that throws rejects its own decision and no other',
    break: both((store) => ({ decide: (id, at, rule) => store.decide(id, at, rule).catch(() => null) })),
  },
  {
    name: 'forgets the fence',
    caughtBy: finishesOnce,
    break: accepting((accepted, current) => ({ ...accepted, next: { ...accepted.next, fence: current.fence } })),
  },
  { name: 'does not persist events', caughtBy: applied, break: accepting((accepted) => ({ ...accepted, events: [] })) },
  {
    name: 'does not persist extents',
    caughtBy: applied,
    break: accepting((accepted) => ({ ...accepted, writes: [] })),
  },
  {
    name: 'ignores what a place already holds',
    caughtBy: 'the rule is given the extent that starts where it asks, and only then',
    break: both((store) => ({ decide: (id, at, rule) => store.decide(id, at, (current) => rule(current, null)) })),
  },
  {
    name: 'takes the first extent for the last one',
    caughtBy: 'a rule can be given the last extent',
    break: both((store) => ({
      decide: async (id, at, rule) => {
        const [first] = await store.extents(id);
        return store.decide(id, at, (current, extent) => rule(current, at === 'last' ? (first ?? null) : extent));
      },
    })),
  },
  {
    name: 'inserts before it deletes',
    caughtBy: 'an extent is replaced in one decision, because writes are applied in order',
    break: accepting((accepted) => ({ ...accepted, writes: [...accepted.writes].reverse() })),
  },
  {
    name: 'forgets how bytes come in',
    caughtBy: 'what an upload that is appended to is made of is kept',
    break: both((store) => ({
      create: (upload, events, writes, liveMax) => store.create({ ...upload, intake: 'grid' }, events, writes, liveMax),
    })),
  },
  {
    name: 'makes final uploads of whatever is named',
    caughtBy: 'a final upload is only made of live partial ones of its principal',
    break: both((store) => ({
      create: (upload, events, writes, liveMax) =>
        store.create(
          upload,
          events,
          writes.filter((write) => write.type !== 'use-parts'),
          liveMax,
        ),
    })),
  },
  {
    name: 'never frees a part',
    caughtBy: 'parts are in use from the creation of a final upload until it ends',
    break: accepting((accepted) => ({
      ...accepted,
      writes: accepted.writes.filter((write) => write.type !== 'free-parts'),
    })),
  },
  {
    name: 'finds the final uploads of everybody',
    caughtBy: 'a final upload is found by its parts, in their order',
    break: both((store) => ({
      findFinal: async (_principal, parts) => (await store.finalsOf(parts[0] ?? ''))[0] ?? null,
    })),
  },
  {
    name: 'expires parts that are in use',
    caughtBy: 'parts are in use from the creation of a final upload until it ends',
    break: both((store) => ({
      dueToExpire: async (now, limit) => [...(await store.dueToExpire(now, limit)), ...(await store.live('', 10_000))],
    })),
  },
  {
    name: 'acknowledges before the commit',
    caughtBy: applied,
    break: both((store) => ({
      decide: async (id, at, rule) => {
        const found = await store.findWithExtent(id, Number(at ?? 0));
        if (!found) return null;
        void new Promise((resolve) => setTimeout(resolve, 20)).then(() => store.decide(id, at, rule)).catch(() => null);
        const decision = rule(found.upload, found.extent);
        return decision.kind === 'accept'
          ? { ...decision, next: { ...decision.next, lastEvent: decision.next.lastEvent + decision.events.length } }
          : decision;
      },
    })),
  },
  {
    name: 'counts live uploads before it locks',
    caughtBy: 'create refuses more live uploads of a principal than allowed, also when they come at once',
    break: both((store) => ({
      create: async (upload, events, writes, liveMax) => {
        const live = await store.list({
          principal: upload.principal,
          phases: ['receiving', 'paused', 'validating', 'assembling'],
          limit: liveMax + 1,
        });
        return live.items.length < liveMax && store.create(upload, events, writes, Number.POSITIVE_INFINITY);
      },
    })),
  },
  {
    name: 'creates without the extents',
    caughtBy: 'create inserts events and extents with the upload',
    break: both((store) => ({
      create: (upload, events, _writes, liveMax) => store.create(upload, events, [], liveMax),
    })),
  },
  {
    name: 'looks at the token before the transaction',
    caughtBy: 'a token creates one upload, in however many processes it is used at once',
    break: ({ store, other, tokens, otherTokens }) => {
      const used = new Set<string>();
      const careless = (one: UploadStore) =>
        instead(one, {
          create: async (upload, events, writes, liveMax) => {
            const tokenId = writes.find((write) => write.type === 'consume-token')?.tokenId ?? '';
            if (used.has(tokenId)) throw new HoldfastError('token-used', 'Used.');
            const made = await one.create(upload, events, [], liveMax);
            used.add(tokenId);
            return made;
          },
        });
      return { store: careless(store), other: careless(other), tokens, otherTokens };
    },
  },
  {
    name: 'adds sizes up before it locks',
    caughtBy: 'create refuses more bytes of live uploads than allowed, also when they come at once',
    break: both((store) => ({
      create: async (upload, events, writes, liveMax) => {
        const live = await store.list({ principal: upload.principal, phases: ['receiving'], limit: 100 });
        const bytes = live.items.reduce((sum, one) => sum + (one.size ?? one.receivedBytes), upload.size ?? 0);
        const limit = writes.find((write) => write.type === 'limit-live-bytes');
        if (limit && bytes > limit.bytesMax) throw new HoldfastError('quota-exceeded', 'Too much.');
        return store.create(upload, events, [], liveMax);
      },
    })),
  },
  {
    name: 'loses the metadata',
    caughtBy: 'create keeps every fact of an upload in every phase',
    break: both((store) => ({
      create: (upload, events, writes, liveMax) => store.create({ ...upload, metadata: {} }, events, writes, liveMax),
    })),
  },
  {
    name: 'gives out cursors and ignores them',
    caughtBy: 'lists page through all uploads of one principal, newest first',
    break: both((store) => ({ list: ({ cursor: _, ...query }) => store.list(query) })),
  },
  {
    name: 'takes any cursor for the beginning',
    caughtBy: 'a cursor that was not given out is refused',
    break: both((store) => ({ list: (query) => store.list(query).catch(() => ({ items: [], cursor: null })) })),
  },
  {
    name: 'ignores the file name that is looked for',
    caughtBy: 'lists can be narrowed to phases and to a part of the file name in any case',
    break: both((store) => ({ list: ({ filename: _, ...query }) => store.list(query) })),
  },
  {
    name: 'does not expire what is paused',
    caughtBy: 'uploads that are due to expire are found, and no others',
    break: both((store) => ({
      dueToExpire: async (now, limit) =>
        (await store.dueToExpire(now, limit)).filter((upload) => upload.phase.name !== 'paused'),
    })),
  },
  {
    name: 'calls every held upload abandoned',
    caughtBy: 'abandoned and held uploads are found by their lease',
    break: both((store) => ({ abandoned: (_now, limit) => store.abandoned(Number.MAX_SAFE_INTEGER, limit) })),
  },
  {
    name: 'purges whatever has ended',
    caughtBy: 'ended uploads are released, then purged with all that belongs to them',
    break: both((store) => ({ purge: (_before, limit) => store.purge(Number.MAX_SAFE_INTEGER, limit) })),
  },
  {
    name: 'completes without starting the runs',
    caughtBy: 'publishing starts the runs in the same transaction',
    break: accepting((accepted) => ({
      ...accepted,
      writes: accepted.writes.map((write) => (write.type === 'publish-asset' ? { ...write, runs: [] } : write)),
    })),
  },
  {
    name: 'shows events to whoever asks',
    caughtBy: 'events are read by subject and by principal, after a position, up to a limit',
    break: both((store) => ({ events: ({ principal: _, ...query }) => store.events(query) })),
  },
  {
    name: 'now and then passes over an event',
    caughtBy: 'a reader that follows the log misses nothing, whatever is being written',
    break: both((store) => ({
      events: async (query) => (await store.events(query)).filter((_, i, events) => events.length < 5 || i !== 1),
    })),
  },
  {
    name: 'does not hear of other processes',
    caughtBy: 'listeners hear of events of this and of other processes until they leave',
    break: (stores) => ({ ...stores, other: instead(stores.other, { onEvents: () => () => {} }) }),
  },
];
