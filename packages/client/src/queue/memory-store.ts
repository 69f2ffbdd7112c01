/** The store of a page that cannot have IndexedDB: keeps the queue working, and nothing beyond the page. */
import {
  addToTally,
  type ChunkRow,
  emptyTally,
  isOver,
  type SliceRow,
  type TallyRow,
  type UploadRow,
} from './queue-row.ts';
import type { QueueStore } from './queue-store.ts';

export function createMemoryStore(known: readonly UploadRow[] = [], tallies: readonly TallyRow[] = []): QueueStore {
  const rows = new Map<string, UploadRow>(known.map((row) => [row.id, row]));
  const totals = new Map<string, TallyRow>(tallies.map((tally) => [tally.owner, tally]));
  const slices = new Map<string, SliceRow[]>();
  const chunks = new Map<string, ChunkRow[]>();
  const tallyOf = (owner: string) => totals.get(owner) ?? emptyTally(owner);
  const remove = (ids: readonly string[]) => {
    for (const id of ids) for (const map of [rows, slices, chunks]) map.delete(id);
  };
  const ownIds = (owner: string) => [...rows.values()].filter((row) => row.owner === owner).map((row) => row.id);
  return {
    load: async (owner) => ({
      rows: ownIds(owner).flatMap((id) => rows.get(id) ?? []),
      chunks: ownIds(owner).flatMap((id) => chunks.get(id) ?? []),
      tally: tallyOf(owner),
    }),
    row: async (id) => rows.get(id),
    insert: async (row, slice) => {
      if (rows.has(row.id)) throw new Error(`There is an upload ${row.id}.`);
      rows.set(row.id, row);
      if (slice !== undefined) slices.set(row.id, [slice]);
      totals.set(row.owner, addToTally(tallyOf(row.owner), { total: 1 }));
    },
    update: async (id, change, { tally, drop } = {}) => {
      const before = rows.get(id);
      if (before === undefined) return null;
      const after = change(before);
      if (after === null) return before;
      rows.set(id, after);
      if (tally !== undefined) totals.set(after.owner, addToTally(tallyOf(after.owner), tally));
      if (drop !== undefined) slices.delete(id);
      if (drop === 'all') chunks.delete(id);
      return after;
    },
    putSlice: async (slice) => {
      const row = rows.get(slice.uploadId);
      if (row === undefined || isOver(row.status)) return false;
      slices.set(slice.uploadId, withSlice(slices.get(slice.uploadId) ?? [], slice));
      return true;
    },
    slices: async (id, start, end) => (slices.get(id) ?? []).filter((slice) => slice.end > start && slice.start < end),
    dropSlices: async (id, starts) => {
      slices.set(
        id,
        (slices.get(id) ?? []).filter(({ start }) => !starts.includes(start)),
      );
    },
    storedEnd: async (id) => slices.get(id)?.at(-1)?.end ?? 0,
    putChunks: async (added) => {
      for (const chunk of added) {
        const others = (chunks.get(chunk.uploadId) ?? []).filter(({ index }) => index !== chunk.index);
        if (rows.has(chunk.uploadId)) chunks.set(chunk.uploadId, [...others, chunk]);
      }
    },
    dropChunks: async (id) => {
      chunks.delete(id);
    },
    remove: async (ids) => remove(ids),
    clear: async (owner) => {
      const ids = ownIds(owner);
      remove(ids);
      totals.delete(owner);
      return ids;
    },
    sweepOrphans: async () => {},
    lease: async () => true,
    close: () => {},
  };
}

function withSlice(slices: readonly SliceRow[], slice: SliceRow): SliceRow[] {
  return [...slices.filter(({ start }) => start !== slice.start), slice].sort((a, b) => a.start - b.start);
}
