/** Refuses uploads that cannot fit, before they send anything. */
import { HoldfastError } from '../../core/errors.ts';
import type { FileIo } from './file-io.ts';

export class SpaceGuard {
  readonly #io: FileIo;
  readonly #path: string;
  readonly #reserveBytes: number;
  #asking: Promise<number> | null = null;

  /** `reserveBytes` of the file system at `path` are never promised to uploads. */
  constructor(io: FileIo, path: string, reserveBytes: number) {
    this.#io = io;
    this.#path = path;
    this.#reserveBytes = reserveBytes;
  }

  /** Bytes that uploads can have now. Callers at the same moment share the question. */
  free(): Promise<number> {
    this.#asking ??= this.#io
      .freeBytes(this.#path)
      .then((free) => Math.max(0, free - this.#reserveBytes))
      .finally(() => {
        this.#asking = null;
      });
    return this.#asking;
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
