/** A recording on its way into the store: bytes in the order in which they come, each piece durable before the next. */

import type { Runtime } from '../runtime.ts';
import { UploadError } from '../upload-error.ts';
import { composeItem } from './compose-item.ts';
import { sliceOf } from './content-keeper.ts';
import { cancelledError } from './new-upload.ts';
import type { QueueItem } from './queue-item.ts';
import type { UploadRow } from './queue-row.ts';
import { isQuotaError, type SwitchedStorage } from './storage-switch.ts';
import type { QueueRecording } from './upload-queue.ts';

export interface RecordingOptions {
  readonly row: UploadRow;
  readonly storage: SwitchedStorage;
  readonly runtime: Runtime;
  /** Lets go of the lock. */
  readonly release: () => void;
  readonly announce: (id: string) => Promise<void>;
  readonly onItem: (item: QueueItem) => void;
}

export class RecordingWriter implements QueueRecording {
  readonly id: string;
  readonly #options: RecordingOptions;
  #row: UploadRow;
  #tail: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(options: RecordingOptions) {
    this.#options = options;
    this.#row = options.row;
    this.id = options.row.id;
  }

  append(blob: Blob): Promise<void> {
    return this.#then(async () => {
      if (this.#ended) throw cancelledError();
      if (blob.size === 0) return;
      const { storage, onItem } = this.#options;
      const slice = await sliceOf(this.id, this.#row.size, blob);
      if (!(await storage.use((store) => store.putSlice(slice)).catch(storageFull))) {
        // It was cancelled or wiped.
        this.#end();
        throw cancelledError();
      }
      this.#row = { ...this.#row, size: slice.end };
      onItem(composeItem(this.#row));
    });
  }

  finish(): Promise<string> {
    return this.#then(async () => {
      if (this.#ended) return this.id;
      const { storage, runtime, announce } = this.#options;
      const { size } = this.#row;
      const updatedAt = runtime.now();
      const finish = (row: UploadRow): UploadRow =>
        row.status === 'recording' ? { ...row, status: 'queued', keeping: 'stored', size, updatedAt } : row;
      await storage.use((store) => store.update(this.id, finish));
      this.#end();
      await announce(this.id);
      return this.id;
    });
  }

  discard(): Promise<void> {
    return this.#then(async () => {
      if (this.#ended) return;
      await this.#options.storage.use((store) => store.remove([this.id]));
      this.#end();
      await this.#options.announce(this.id);
    });
  }

  #end(): void {
    this.#ended = true;
    this.#options.release();
  }

  #then<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => {});
    return result;
  }
}

function storageFull(cause: unknown): never {
  if (!isQuotaError(cause)) throw cause;
  const message =
    'There is no room in this browser for more of the recording. What was recorded so far is kept: finish it.';
  throw new UploadError(message, { type: 'validation', code: 'storage-full', retryable: false, cause });
}
