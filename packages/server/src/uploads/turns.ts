/** Whose turn it is to change what an upload is made of: the lock, and what has to be done when it was taken by force. */
import { HoldfastError } from '../core/errors.ts';
import type { UploadLock } from '../core/ports/upload-locks.ts';
import type { Upload } from '../core/upload.ts';
import { apply } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';

export class Turns {
  readonly #deps: UploadDependencies;

  constructor(deps: UploadDependencies) {
    this.#deps = deps;
  }

  /**
   * `letGo` is called when somebody else wants the upload. Throws `upload-busy`, `upload-taken-over`.
   */
  async take(uploadId: string, letGo: () => void): Promise<UploadLock> {
    const lock = await this.#deps.locks.acquire(uploadId, { waitMs: this.#deps.limits.appendWaitMs, letGo });
    if (lock === 'superseded') throw takenOver();
    if (lock === 'busy')
      throw new HoldfastError('upload-busy', 'Another request is sending this upload and does not let go yet.', {
        details: { uploadId },
      });
    return await this.#settled(uploadId, lock);
  }

  /**
   * Runs `work` when no request is appending any more; what had arrived of one is recorded before. A holder that does not let go in time
   * is not waited for: the rules refuse what it records afterwards.
   */
  async interrupting<T>(upload: Upload, work: () => Promise<T>): Promise<T> {
    if (upload.intake !== 'append') return await work();
    const waitMs = this.#deps.limits.appendWaitMs;
    const lock = await this.#deps.locks.acquire(upload.id, { waitMs, letGo: () => {} });
    if (typeof lock !== 'string') await this.#settled(upload.id, lock);
    try {
      return await work();
    } finally {
      if (typeof lock !== 'string') await lock.release();
    }
  }

  /**
   * Ends a request that is appending; what had arrived of it is recorded when this resolves. Without effect when there is none, or when a
   * newer request is already waiting for its turn. Throws `upload-busy`.
   */
  async end(upload: Upload): Promise<void> {
    if (upload.intake !== 'append' || upload.phase.name !== 'receiving') return;
    const lock = await this.take(upload.id, () => {}).catch((error: unknown) => {
      if (error instanceof HoldfastError && error.code === 'upload-taken-over') return null;
      throw error;
    });
    await lock?.release();
  }

  /**
   * After a takeover by force: what the process that had the lock still records is refused from here on, and what it still writes reaches
   * no file that counts (docs/decisions/0007).
   */
  async #settled(uploadId: string, lock: UploadLock): Promise<UploadLock> {
    if (!lock.forced) return lock;
    const { store, blobs, clock, log } = this.#deps;
    try {
      const upload = await apply(store, { id: uploadId, command: { type: 'seize' }, now: clock.now() });
      log.warn({ uploadId, fence: upload.fence }, 'the process that was sending this upload is gone; taken over');
      if (upload.phase.name === 'receiving' || upload.phase.name === 'paused')
        await blobs.isolate(uploadId, upload.receivedBytes);
      return lock;
    } catch (error) {
      await lock.forfeit();
      throw error;
    }
  }
}

export function takenOver(): HoldfastError {
  return new HoldfastError(
    'upload-taken-over',
    'A newer request for this upload took over; what had arrived is kept. Ask for the offset before going on.',
  );
}
