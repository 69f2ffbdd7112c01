/**
 * SHA-256 of uploads whose bytes pass through this process in order. What does not pass in order is read back from the store, in the
 * background while the upload goes on, or at the end.
 *
 * A hash is only of bytes that are recorded: a write hashes into a copy, which counts once the write does. It is of no use any more when
 * recorded bytes were replaced (`rewrites` of the part map), by whatever process.
 */
import { createHash, type Hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { MapHead } from '../../core/ports/part-map.ts';

export interface RunningHash {
  readonly hash: Hash;
  /** Bytes that are in it. */
  readonly upTo: number;
  readonly rewrites: number;
}

export class RunningHashes {
  readonly #running: LRUCache<string, RunningHash>;

  /** `max`: how many are kept; the least recently used one is dropped, and costs reading back. */
  constructor(max: number) {
    this.#running = new LRUCache({ max });
  }

  /** A hash to go on with from `offset`, if this process has one that ends there. */
  from(uploadId: string, offset: number, head: MapHead): Hash | null {
    if (offset === 0) return createHash('sha256');
    const running = this.#running.get(uploadId);
    return running?.upTo === offset && running.rewrites === head.rewrites ? running.hash.copy() : null;
  }

  /** What is hashed of the upload so far. */
  of(uploadId: string, head: MapHead): RunningHash {
    const running = this.#running.get(uploadId);
    if (running?.rewrites === head.rewrites) return running;
    return { hash: createHash('sha256'), upTo: 0, rewrites: head.rewrites };
  }

  /** Keeps the further one. */
  keep(uploadId: string, hashed: RunningHash): void {
    const known = this.#running.get(uploadId);
    if (known?.rewrites === hashed.rewrites && known.upTo > hashed.upTo) return;
    this.#running.set(uploadId, hashed);
  }

  forget(uploadId: string): void {
    this.#running.delete(uploadId);
  }
}
