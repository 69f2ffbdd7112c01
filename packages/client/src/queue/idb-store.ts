/** The store in IndexedDB. Blobs lie in records of their own that are never written again: browsers copy a Blob with each put. */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from 'idb';
import {
  addToTally,
  type ChunkRow,
  emptyTally,
  isOver,
  type SliceRow,
  type TallyChange,
  type TallyRow,
  type UploadRow,
} from './queue-row.ts';
import type { AlsoChange, QueueStore, StoredQueue } from './queue-store.ts';

interface LeaseRow {
  readonly name: string;
  readonly holder: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

interface QueueSchema extends DBSchema {
  uploads: {
    key: string;
    value: UploadRow;
    indexes: {
      'by-owner': string;
      'by-status': [string, string];
      'by-priority': [string, number, number];
      'by-created': [string, number];
    };
  };
  chunks: { key: [string, number]; value: ChunkRow };
  blobs: { key: [string, number]; value: SliceRow };
  metrics: { key: string; value: TallyRow };
  leases: { key: string; value: LeaseRow };
}
type StoreName = 'uploads' | 'chunks' | 'blobs' | 'metrics' | 'leases';
type Writing = IDBPTransaction<QueueSchema, StoreName[], 'readwrite'>;

const version = 1;
/** kill -9 takes nothing with it, a power cut does: what was promised is flushed. */
const strict = { durability: 'strict' } as const;
const relaxed = { durability: 'relaxed' } as const;

/** Keys `[id, …]`. An array sorts behind every number. */
const ofUpload = (id: string) => IDBKeyRange.bound([id], [id, []]);

/** @throws what the platform says when IndexedDB is not to be had. `onClosed`: the connection is gone and not by us. */
export async function openIdbStore(databaseName: string, onClosed: () => void): Promise<QueueStore> {
  if (globalThis.indexedDB === undefined) throw new ReferenceError('This page has no IndexedDB.');
  const db = await openDB<QueueSchema>(databaseName, version, {
    upgrade(database) {
      const uploads = database.createObjectStore('uploads', { keyPath: 'id' });
      uploads.createIndex('by-owner', 'owner');
      uploads.createIndex('by-status', ['owner', 'status']);
      uploads.createIndex('by-priority', ['owner', 'rank', 'createdAt']);
      uploads.createIndex('by-created', ['owner', 'createdAt']);
      database.createObjectStore('chunks', { keyPath: ['uploadId', 'index'] });
      database.createObjectStore('blobs', { keyPath: ['uploadId', 'start'] });
      database.createObjectStore('metrics', { keyPath: 'owner' });
      database.createObjectStore('leases', { keyPath: 'name' });
    },
    // Another tab wants to delete or upgrade it.
    blocking: (_version, _next, event) => {
      (event.target as IDBDatabase).close();
      onClosed();
    },
    terminated: onClosed,
  });
  return new IdbStore(db);
}

class IdbStore implements QueueStore {
  readonly #db: IDBPDatabase<QueueSchema>;

  constructor(db: IDBPDatabase<QueueSchema>) {
    this.#db = db;
  }

  async load(owner: string): Promise<StoredQueue> {
    const tx = this.#db.transaction(['uploads', 'chunks', 'metrics']);
    const rows = await tx
      .objectStore('uploads')
      .index('by-created')
      .getAll(IDBKeyRange.bound([owner], [owner, []]));
    const unfinished = rows.filter((row) => row.uploadId !== null && row.assetId === null);
    const chunks = await Promise.all(unfinished.map((row) => tx.objectStore('chunks').getAll(ofUpload(row.id))));
    const tally = (await tx.objectStore('metrics').get(owner)) ?? emptyTally(owner);
    return { rows, chunks: chunks.flat(), tally };
  }

  row(id: string): Promise<UploadRow | undefined> {
    return this.#db.get('uploads', id);
  }

  insert(row: UploadRow, slice?: SliceRow): Promise<void> {
    return this.#write(['uploads', 'blobs', 'metrics'], strict, async (tx) => {
      await tx.objectStore('uploads').add(row);
      if (slice !== undefined) await tx.objectStore('blobs').add(slice);
      await count(tx, row.owner, { total: 1 });
    });
  }

  update(id: string, change: (row: UploadRow) => UploadRow | null, also: AlsoChange = {}) {
    const { tally, drop } = also;
    const names: StoreName[] = ['uploads'];
    if (tally !== undefined) names.push('metrics');
    if (drop !== undefined) names.push('blobs');
    if (drop === 'all') names.push('chunks');
    return this.#write(names, strict, async (tx) => {
      const uploads = tx.objectStore('uploads');
      const before = await uploads.get(id);
      if (before === undefined) return null;
      const after = change(before);
      if (after === null) return before;
      if (after !== before) await uploads.put(after);
      if (tally !== undefined) await count(tx, after.owner, tally);
      if (drop !== undefined) await tx.objectStore('blobs').delete(ofUpload(id));
      if (drop === 'all') await tx.objectStore('chunks').delete(ofUpload(id));
      return after;
    });
  }

  putSlice(slice: SliceRow): Promise<boolean> {
    return this.#write(['uploads', 'blobs'], strict, async (tx) => {
      const row = await tx.objectStore('uploads').get(slice.uploadId);
      if (row === undefined || isOver(row.status)) return false;
      await tx.objectStore('blobs').put(slice);
      return true;
    });
  }

  async slices(id: string, start: number, end: number): Promise<readonly SliceRow[]> {
    const blobs = this.#db.transaction('blobs').store;
    // The one that begins at or before `start`, and those behind it.
    const first = await blobs.openKeyCursor(IDBKeyRange.bound([id], [id, start]), 'prev');
    const from = first === null ? [id] : first.key;
    const found = await blobs.getAll(IDBKeyRange.bound(from, [id, end], false, true));
    return found.filter((slice) => slice.end > start);
  }

  dropSlices(id: string, starts: readonly number[]): Promise<void> {
    return this.#write(['blobs'], relaxed, async (tx) => {
      await Promise.all(starts.map((start) => tx.objectStore('blobs').delete([id, start])));
    });
  }

  async storedEnd(id: string): Promise<number> {
    const last = await this.#db.transaction('blobs').store.openCursor(ofUpload(id), 'prev');
    return last?.value.end ?? 0;
  }

  putChunks(chunks: readonly ChunkRow[]): Promise<void> {
    return this.#write(['uploads', 'chunks'], relaxed, async (tx) => {
      for (const chunk of chunks) {
        const known = await tx.objectStore('uploads').getKey(chunk.uploadId);
        if (known !== undefined) await tx.objectStore('chunks').put(chunk);
      }
    });
  }

  dropChunks(id: string): Promise<void> {
    return this.#write(['chunks'], strict, (tx) => tx.objectStore('chunks').delete(ofUpload(id)));
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.#write(['uploads', 'blobs', 'chunks'], strict, async (tx) => {
      await removeAll(tx, ids);
    });
  }

  clear(owner: string): Promise<readonly string[]> {
    return this.#write(['uploads', 'blobs', 'chunks', 'metrics'], strict, async (tx) => {
      const ids = await tx.objectStore('uploads').index('by-owner').getAllKeys(owner);
      await removeAll(tx, ids);
      await tx.objectStore('metrics').delete(owner);
      return ids;
    });
  }

  sweepOrphans(): Promise<void> {
    return this.#write(['uploads', 'blobs', 'chunks'], relaxed, async (tx) => {
      const known = new Set(await tx.objectStore('uploads').getAllKeys());
      const orphans = new Set<string>();
      for (const [id] of await tx.objectStore('blobs').getAllKeys()) if (!known.has(id)) orphans.add(id);
      for (const [id] of await tx.objectStore('chunks').getAllKeys()) if (!known.has(id)) orphans.add(id);
      await removeAll(tx, [...orphans]);
    });
  }

  lease(name: string, { holder, now, until }: { holder: string; now: number; until: number }): Promise<boolean> {
    return this.#write(['leases'], relaxed, async (tx) => {
      const leases = tx.objectStore('leases');
      const lease = await leases.get(name);
      if (lease !== undefined && lease.holder !== holder && lease.until > now) return false;
      await leases.put({ name, holder, until });
      return true;
    });
  }

  close(): void {
    this.#db.close();
  }

  /** All or nothing: what `work` throws aborts it. */
  async #write<T>(
    names: StoreName[],
    durability: IDBTransactionOptions,
    work: (tx: Writing) => Promise<T>,
  ): Promise<T> {
    const tx = this.#db.transaction(names, 'readwrite', durability);
    // What went wrong is thrown below; without this the browser would report it a second time.
    tx.done.catch(() => {});
    try {
      const result = await work(tx);
      await tx.done;
      return result;
    } catch (error) {
      try {
        tx.abort();
      } catch {
        // It is over already: the platform aborted it, and knows better why.
        throw tx.error ?? error;
      }
      throw error;
    }
  }
}

async function count(tx: Writing, owner: string, change: TallyChange): Promise<void> {
  const metrics = tx.objectStore('metrics');
  await metrics.put(addToTally((await metrics.get(owner)) ?? emptyTally(owner), change));
}

async function removeAll(tx: Writing, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await tx.objectStore('uploads').delete(id);
    await tx.objectStore('blobs').delete(ofUpload(id));
    await tx.objectStore('chunks').delete(ofUpload(id));
  }
}
