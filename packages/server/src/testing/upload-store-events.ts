/** Checks of upload stores: the event log. */
import { expect, vi } from 'vitest';
import type { LoggedEvent } from '../core/upload.ts';
import { sampleEvent, sampleUpload, unique } from './sample-upload.ts';
import { created } from './upload-store-decisions.ts';
import type { UploadStoreCheck, UploadStores } from './upload-store-subject.ts';

const plenty = 1_000_000;

async function note(stores: Pick<UploadStores, 'store' | 'other'>, uploadId: string, type: string): Promise<void> {
  await stores.store.decide(uploadId, null, (upload) => ({
    kind: 'accept',
    next: upload,
    events: [sampleEvent(type)],
    writes: [],
  }));
}

export const eventChecks: readonly UploadStoreCheck[] = [
  {
    name: 'events are read by subject and by principal, after a position, up to a limit',
    run: async (stores) => {
      const { store } = stores;
      const principal = unique('principal');
      const [a, b, stranger] = [
        await created(store, { principal }),
        await created(store, { principal }),
        await created(store),
      ];
      for (const [id, type] of [
        [a.id, 'a1'],
        [b.id, 'b1'],
        [stranger.id, 's1'],
        [a.id, 'a2'],
        [b.id, 'b2'],
        [a.id, 'a3'],
      ] as const)
        await note(stores, id, type);
      const types = (events: readonly LoggedEvent[]): string[] => events.map((event) => event.type);
      const of = (id: string, after: number, limit = 10) =>
        store.events({ subject: { kind: 'upload', id }, after, limit });
      expect(types(await of(a.id, 0))).toEqual(['a1', 'a2', 'a3']);
      expect(types(await of(a.id, 1))).toEqual(['a2', 'a3']);
      expect(types(await of(a.id, 0, 2))).toEqual(['a1', 'a2']);
      expect(await of(a.id, 3)).toEqual([]);
      const last = { take: 'newest', after: 0, limit: 2 } as const;
      expect(types(await store.events({ ...last, subject: { kind: 'upload', id: a.id } }))).toEqual(['a2', 'a3']);
      expect(types(await store.events({ ...last, principal }))).toEqual(['b2', 'a3']);
      expect(
        await store.events({
          subject: { kind: 'upload', id: a.id },
          principal: unique('stranger'),
          after: 0,
          limit: 10,
        }),
      ).toEqual([]);
      expect(await store.events({ subject: { kind: 'run', id: a.id }, after: 0, limit: 10 })).toEqual([]);
      const mine = await store.events({ principal, after: 0, limit: 10 });
      expect(types(mine)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
      expect(types(await store.events({ principal, after: mine[1]?.id ?? 0, limit: 2 }))).toEqual(['a2', 'b2']);
    },
  },
  {
    name: 'a reader that follows the log misses nothing, whatever is being written',
    run: async ({ store, other }) => {
      const principal = unique('principal');
      const writers = [store, other, store, other, store, other];
      let writing = true;
      const seen: number[] = [];
      const follow = async (): Promise<void> => {
        for (;;) {
          const last = !writing;
          const events = await store.events({ principal, after: seen.at(-1) ?? 0, limit: 7 });
          seen.push(...events.map((event) => event.id));
          if (last && events.length === 0) return;
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const reader = follow();
      await Promise.all(
        writers.map(async (writer) => {
          for (let i = 0; i < 25; i += 1)
            await writer.create(sampleUpload({ principal }), [sampleEvent('x'), sampleEvent('y')], [], plenty);
        }),
      );
      writing = false;
      await reader;
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(seen).toHaveLength(writers.length * 25 * 2);
    },
  },
  {
    name: 'listeners hear of events of this and of other processes until they leave',
    run: async ({ store, other }) => {
      const upload = await created(store);
      const [mine, theirs, gone] = [vi.fn(), vi.fn(), vi.fn()];
      const leave = [store.onEvents(mine), other.onEvents(theirs)];
      store.onEvents(gone)();
      try {
        // Lets both take notice of where the log stands.
        await new Promise((resolve) => setTimeout(resolve, 100));
        mine.mockClear();
        theirs.mockClear();
        await note({ store, other }, upload.id, 'heard');
        await vi.waitFor(() => expect(mine).toHaveBeenCalled(), { timeout: 200, interval: 5 });
        await vi.waitFor(() => expect(theirs).toHaveBeenCalled(), { timeout: 2_000, interval: 20 });
        expect(gone).not.toHaveBeenCalled();
      } finally {
        for (const stop of leave) stop();
      }
      mine.mockClear();
      await note({ store, other }, upload.id, 'unheard');
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(mine).not.toHaveBeenCalled();
    },
  },
  {
    name: 'ping resolves while the store can write',
    run: async ({ store, other }) => {
      await Promise.all([store.ping(), other.ping(), store.ping()]);
    },
  },
];
