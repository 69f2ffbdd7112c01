/**
 * SHA-256 of uploads whose bytes pass through this process in order. What does not pass in order is hashed from memory while it is kept there
 * (`KeptChunks`), or read back from the store, in the background while the upload goes on, or at the end.
 *
 * A hash is only of bytes that are recorded: a write hashes into a copy, which counts once the write does. It is of no use any more when
 * recorded bytes were replaced (`rewrites` of the part map), by whatever process.
 */
import { createHash, type Hash } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import { LRUCache } from 'lru-cache';
import type { Hashed } from '../../core/ports/blob-store.ts';
import type { MapHead } from '../../core/ports/part-map.ts';
import type { KeptChunks } from './kept-chunks.ts';

/** SHA-256, and the CRC-32 that tells whether it is of the recorded bytes. */
export class Hashing {
  readonly #sha256: Hash;
  #crc32: number;

  constructor(sha256: Hash = createHash('sha256'), crc32OfIt = 0) {
    this.#sha256 = sha256;
    this.#crc32 = crc32OfIt;
  }

  update(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#crc32 = crc32(bytes, this.#crc32);
  }

  copy(): Hashing {
    return new Hashing(this.#sha256.copy(), this.#crc32);
  }

  /** So far; more can follow. */
  get hashed(): Hashed {
    return { sha256: this.#sha256.copy().digest('hex'), crc32: this.#crc32 };
  }
}

export interface RunningHash {
  readonly hash: Hashing;
  /** Bytes that are in it. */
  readonly upTo: number;
  readonly rewrites: number;
}

export class RunningHashes {
  /** What waits for bytes before it. */
  readonly kept: KeptChunks;
  readonly #running: LRUCache<string, RunningHash>;

  /** `max`: how many are kept; the least recently used one is dropped, and costs reading back. */
  constructor(max: number, kept: KeptChunks) {
    this.kept = kept;
    this.#running = new LRUCache({ max });
  }

  /** A hash to go on with from `offset`, if this process has one that ends there. */
  from(uploadId: string, offset: number, head: MapHead): Hashing | null {
    if (offset === 0) return new Hashing();
    const running = this.#running.get(uploadId);
    return running?.upTo === offset && running.rewrites === head.rewrites ? running.hash.copy() : null;
  }

  /** What is hashed of the upload so far. */
  of(uploadId: string, head: MapHead): RunningHash {
    const running = this.#running.get(uploadId);
    if (running?.rewrites === head.rewrites) return running;
    return { hash: new Hashing(), upTo: 0, rewrites: head.rewrites };
  }

  /** Keeps the further one. */
  keep(uploadId: string, hashed: RunningHash): void {
    const known = this.#running.get(uploadId);
    if (known?.rewrites === hashed.rewrites && known.upTo > hashed.upTo) return;
    this.#running.set(uploadId, hashed);
    this.kept.forgetBefore(uploadId, hashed.upTo);
  }

  forget(uploadId: string): void {
    this.#running.delete(uploadId);
    this.kept.forget(uploadId);
  }
}
