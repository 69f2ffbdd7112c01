/**
 * Which bytes of the uploads in progress are recorded, as far as this process knows: only to tell how far hashing may follow.
 * The store stays the truth; forgetting an entry costs a read.
 */
import { LRUCache } from 'lru-cache';
import { addRange, contiguousPrefix, type ExtentSet, emptyExtents, extentsOf } from '../core/extents.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { Extent, Upload } from '../core/upload.ts';

const uploadsMax = 2_000;

export class Coverage {
  readonly #store: UploadStore;
  readonly #sets = new LRUCache<string, ExtentSet>({ max: uploadsMax });
  readonly #loading = new Map<string, Promise<ExtentSet>>();

  constructor(store: UploadStore) {
    this.#store = store;
  }

  /** Adds a recorded extent; resolves to the contiguous prefix in bytes. `upload` is as it is after the record. */
  async add(upload: Upload, extent: Extent): Promise<number> {
    const known =
      this.#sets.get(upload.id) ?? (upload.receivedExtents === 1 ? emptyExtents : await this.#load(upload.id));
    const current = this.#sets.get(upload.id) ?? known;
    const next = addRange(current, { start: extent.offset, end: extent.offset + extent.length });
    this.#sets.set(upload.id, next);
    return contiguousPrefix(next);
  }

  forget(uploadId: string): void {
    this.#sets.delete(uploadId);
  }

  /** Parallel receipts of one upload share the read. */
  #load(uploadId: string): Promise<ExtentSet> {
    const running = this.#loading.get(uploadId);
    if (running) return running;
    const load = this.#store
      .extents(uploadId)
      .then((stored) => extentsOf(stored.map((e) => ({ start: e.offset, end: e.offset + e.length }))))
      .finally(() => this.#loading.delete(uploadId));
    this.#loading.set(uploadId, load);
    return load;
  }
}
