/** Under `committed` nobody waits for a sync before the end, which has to sync what is left: syncs behind the writers keep that little. */
import type { UploadFile } from './upload-file.ts';

const startBytes = 32 * 1024 * 1024;

/**
 * One sync at a time over all uploads: each holds a thread of the pool that writes need too, and sixteen at once made writers wait
 * (a quarter less throughput with 16 clients). An upload that finds it taken comes again with its next chunk.
 */
export class SyncBehind {
  #running = false;

  /** Begins a sync of the file in the background if enough of it is unsynced. A failure is told to whoever places the file. */
  consider(file: UploadFile): void {
    if (this.#running || file.unsyncedBytes < startBytes) return;
    this.#running = true;
    void file
      .sync()
      .catch(() => {})
      .finally(() => {
        this.#running = false;
      });
  }
}
