/** Refuses uploads that cannot fit, before they send anything. */
import { HoldfastError } from '../../core/errors.ts';
import type { FileIo } from './file-io.ts';

/** How long an answer counts, in ms: a disk that fills up meanwhile is told by the write. */
const answerMs = 100;

export class SpaceGuard {
  readonly #io: FileIo;
  readonly #path: string;
  readonly #reserveBytes: number;
  #asking: Promise<number> | null = null;
  #askedAt = Number.NEGATIVE_INFINITY;

  /** `reserveBytes` of the file system at `path` are never promised to uploads. */
  constructor(io: FileIo, path: string, reserveBytes: number) {
    this.#io = io;
    this.#path = path;
    this.#reserveBytes = reserveBytes;
  }

  /** Bytes that uploads can have, as of at most `answerMs` ago. Callers at the same moment share the question. */
  free(): Promise<number> {
    const now = performance.now();
    if (this.#asking !== null && now < this.#askedAt + answerMs) return this.#asking;
    const asking = this.#io.freeBytes(this.#path).then((free) => Math.max(0, free - this.#reserveBytes));
    asking.catch(() => {
      if (this.#asking === asking) this.#asking = null;
    });
    this.#asking = asking;
    this.#askedAt = now;
    return asking;
  }

  /** Rejects with `insufficient-storage` when `bytes` more do not fit. */
  async require(bytes: number): Promise<void> {
    const free = await this.free();
    if (bytes > free) {
      throw new HoldfastError('insufficient-storage', 'The store has no room for a file of this size', {
        details: { neededBytes: bytes, freeBytes: free },
      });
    }
  }
}
