/**
 * One at a time for each content, in all processes that share the stores: who puts its bytes in place and records them, or relies on their being
 * there, and who deletes them.
 */
import { HoldfastError } from '../core/errors.ts';
import type { UploadLocks } from '../core/ports/upload-locks.ts';
import type { Sha256 } from '../core/upload.ts';

/** Removing the results of a long film from a bucket takes a while. */
const waitMs = 60_000;

/** False once another process may have the content: then nothing of it may be removed or recorded any more. */
export type MayAct = () => boolean;

export class ContentTurns {
  readonly #locks: UploadLocks;
  /** The end of the line for each content. Locks wait for one at a time in a process: a second one would drive out the first. */
  readonly #lines = new Map<Sha256, Promise<void>>();

  constructor(locks: UploadLocks) {
    this.#locks = locks;
  }

  /** Rejects with `unavailable` when another process does not let go of it, and with what `work` rejects with. */
  async within<T>(digest: Sha256, work: (mayAct: MayAct) => Promise<T>): Promise<T> {
    const turn = (this.#lines.get(digest) ?? Promise.resolve()).then(() => this.#locked(digest, work));
    const line = turn.then(
      () => {},
      () => {},
    );
    this.#lines.set(digest, line);
    try {
      return await turn;
    } finally {
      if (this.#lines.get(digest) === line) this.#lines.delete(digest);
    }
  }

  async #locked<T>(digest: Sha256, work: (mayAct: MayAct) => Promise<T>): Promise<T> {
    const lock = await this.#locks.acquire(`content-${digest}`, { waitMs, letGo: () => {} });
    if (typeof lock === 'string')
      throw new HoldfastError('unavailable', 'Another process is at the same content. Try again in a moment.');
    try {
      return await work(() => lock.isValid());
    } finally {
      await lock.release();
    }
  }
}

/** For what was recorded or removed too late to count. */
export function turnLost(): HoldfastError {
  return new HoldfastError('lease-lost', 'Another process may be at the same content by now.');
}
