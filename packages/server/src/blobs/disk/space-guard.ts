/** Refuses uploads that cannot fit, before they send anything. */
import { HoldfastError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { FileIo } from './file-io.ts';

/** How long an answer counts, in ms: a disk that fills up meanwhile is told by the write. */
const answerMs = 100;

export interface SpaceGuardParts {
  readonly io: FileIo;
  readonly clock: Clock;
  readonly path: string;
  /** Of the file system at `path`, never promised to uploads. */
  readonly reserveBytes: number;
}

export class SpaceGuard {
  readonly #parts: SpaceGuardParts;
  #answer: Promise<number> | null = null;

  constructor(parts: SpaceGuardParts) {
    this.#parts = parts;
  }

  /** Bytes that uploads can have, as of at most `answerMs` ago. Callers share the question and, for that long, its answer. */
  free(): Promise<number> {
    this.#answer ??= this.#ask();
    return this.#answer;
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

  async #ask(): Promise<number> {
    const { io, clock, path, reserveBytes } = this.#parts;
    const forget = () => {
      this.#answer = null;
    };
    try {
      const free = Math.max(0, (await io.freeBytes(path)) - reserveBytes);
      clock.after(answerMs, forget);
      return free;
    } catch (error) {
      forget();
      throw error;
    }
  }
}
