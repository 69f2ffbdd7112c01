/** Syncs behind the writers: little is left for the one that is waited for, at the end of a chunk (`synced`) or of the upload (`committed`). */
import type { UploadFile } from './upload-file.ts';

const MiB = 1024 * 1024;
/** Where each chunk waits for a sync, it pays to begin in the middle of one: with 8 MiB on one connection the wait is 1.5 instead of 5 ms. */
const startBytes = { synced: 2 * MiB, committed: 32 * MiB };

/**
 * One sync at a time over all uploads: each holds a thread of the pool that writes need too, and sixteen at once made writers wait
 * (a quarter less throughput with 16 clients). An upload that finds it taken comes again with its next bytes.
 */
export class SyncBehind {
  readonly #startBytes: number;
  readonly #failed: (uploadId: string) => Promise<void>;
  #running = false;

  /** `failed` hears of each failure, and never rejects. */
  constructor(durability: keyof typeof startBytes, failed: (uploadId: string) => Promise<void>) {
    this.#startBytes = startBytes[durability];
    this.#failed = failed;
  }

  /** Begins a sync of the file in the background if enough of it is unsynced. A failure is also told to whoever writes then, or places the file. */
  consider(file: UploadFile): void {
    if (this.#running || file.unsyncedBytes < this.#startBytes) return;
    this.#running = true;
    void file
      .sync()
      .catch(() => this.#failed(file.id))
      .finally(() => {
        this.#running = false;
      });
  }
}
