/** Recordings for dialects: uploads that are found by their owner for good, also when the upload itself is purged. */
import { HoldfastError } from '../core/errors.ts';
import { assertCovers } from '../core/grant.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Recording, RecordingQuery, RecordingStore } from '../core/ports/recording-store.ts';
import type { Extent } from '../core/upload.ts';
import { notFound } from './decide.ts';
import type { Handle, UploadService } from './service.ts';
import { type UploadView, viewOf } from './view.ts';

/** What can be told of a recording. */
export interface RecordingView extends UploadView {
  /** Stored chunks by offset; none once the upload is purged. */
  readonly extents: readonly Extent[];
}

export class RecordingService {
  readonly #store: RecordingStore;
  readonly #uploads: UploadService;
  readonly #clock: Clock;

  constructor(store: RecordingStore, uploads: UploadService, clock: Clock) {
    this.#store = store;
    this.#uploads = uploads;
    this.#clock = clock;
  }

  /** Throws `upload-not-found` when it is no recording of that principal. */
  async view(handle: Handle): Promise<RecordingView> {
    const { upload, purged } = await this.#owned(handle);
    const extents = purged ? [] : await this.#extents(handle);
    return { ...viewOf(upload, extents, this.#clock.now()), extents };
  }

  /** Newest first, with how many there are in all. */
  list(query: RecordingQuery): Promise<{ readonly items: readonly Recording[]; readonly total: number }> {
    return this.#store.listRecordings(query);
  }

  /** The handle again, once it is sure that it is one of a recording. Throws `upload-not-found`. */
  async known(handle: Handle): Promise<Handle> {
    await this.#owned(handle);
    return handle;
  }

  async #owned(handle: Handle): Promise<Recording> {
    assertCovers(handle.grant, handle.id);
    const recording = await this.#store.findRecording(handle.id, handle.principal);
    if (!recording) throw notFound(handle.id);
    return recording;
  }

  async #extents(handle: Handle): Promise<readonly Extent[]> {
    try {
      return (await this.#uploads.chunks(handle)).extents;
    } catch (error) {
      // Purged since.
      if (error instanceof HoldfastError && error.code === 'upload-not-found') return [];
      throw error;
    }
  }
}
