/** Hashes what did not pass in order, from memory or the store: in the background while an upload goes on, and what is left at its end. */
import { HoldfastError } from '../../core/errors.ts';
import type { Range } from '../../core/extents.ts';
import type { Hashed, HashProgress } from '../../core/ports/blob-store.ts';
import type { MapHead } from '../../core/ports/part-map.ts';
import { type PieceSources, uploadBytes } from './piece-reader.ts';
import { Hashing, type RunningHash, type RunningHashes } from './running-hashes.ts';

/** Uploads that are read from the store at once; the others wait for their end. */
const followedMax = 2;
/** What reading from the store takes at least: a request for less is not worth it. */
const stepBytesMin = 16 * 1024 * 1024;
/** A running hash is kept after so many bytes. */
const keepBytes = 64 * 1024 * 1024;

export class Follower {
  readonly #sources: PieceSources;
  readonly #hashes: RunningHashes;
  /** How far, of the uploads that are being caught up with: others may end in another process, and nothing tells of it. */
  readonly #wanted = new Map<string, number>();
  readonly #running = new Map<string, Promise<void>>();
  #closed = false;

  constructor(sources: PieceSources, hashes: RunningHashes) {
    this.#sources = sources;
    this.#hashes = hashes;
  }

  /** [0, upTo) of the upload is recorded. */
  follow(uploadId: string, upTo: number): void {
    if (this.#closed || upTo === 0) return;
    this.#wanted.set(uploadId, Math.max(upTo, this.#wanted.get(uploadId) ?? 0));
    if (this.#running.has(uploadId)) return;
    // What cannot be read now is read at the end, and then its failure counts.
    const work = this.#catchUp(uploadId)
      .catch(() => {})
      .finally(() => {
        this.#running.delete(uploadId);
        this.#wanted.delete(uploadId);
      });
    this.#running.set(uploadId, work);
  }

  forget(uploadId: string): void {
    this.#wanted.delete(uploadId);
    this.#hashes.forget(uploadId);
  }

  /** Of the first `size` bytes, from what is hashed already; with `fresh` from the store alone. */
  async hash(
    uploadId: string,
    size: number,
    how: { readonly head: MapHead; readonly fresh: boolean; readonly onBytes?: HashProgress | null },
  ): Promise<Hashed> {
    const { head, fresh, onBytes } = how;
    await this.#running.get(uploadId);
    if (fresh) this.forget(uploadId);
    const known = this.#hashes.of(uploadId, head);
    const from = known.upTo <= size ? known : { hash: new Hashing(), upTo: 0, rewrites: head.rewrites };
    const hashed = await this.#go(uploadId, from, size, onBytes);
    if (hashed === null) throw new HoldfastError('unavailable', 'The store is closed.');
    return hashed.hash.hashed;
  }

  /** Resolves when nothing is read any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#running.values());
  }

  async #catchUp(uploadId: string): Promise<void> {
    for (;;) {
      const head = await this.#sources.map.find(uploadId);
      const upTo = this.#wanted.get(uploadId) ?? 0;
      if (head === null || this.#closed) return;
      const known = this.#hashes.of(uploadId, head);
      const inMemory = this.#hashes.kept.next(uploadId, known.upTo, head.rewrites) === known.upTo;
      const worthReading = upTo - known.upTo >= stepBytesMin && this.#running.size <= followedMax;
      if (upTo <= known.upTo || !(inMemory || worthReading)) return;
      if ((await this.#go(uploadId, known, upTo)) === null) return;
    }
  }

  /** Goes on from what is hashed; null when the store is closed meanwhile. */
  async #go(
    uploadId: string,
    from: RunningHash,
    upTo: number,
    onBytes: HashProgress | null = null,
  ): Promise<RunningHash | null> {
    const hash = from.hash.copy();
    const { rewrites } = from;
    let at = from.upTo;
    let kept = at;
    for await (const bytes of this.#bytes(uploadId, { start: at, end: upTo }, rewrites)) {
      if (this.#closed) return null;
      hash.update(bytes);
      at += bytes.byteLength;
      onBytes?.(at);
      if (at - kept < keepBytes) continue;
      this.#hashes.keep(uploadId, { hash: hash.copy(), upTo: at, rewrites });
      kept = at;
    }
    const hashed = { hash, upTo: at, rewrites };
    if (at > from.upTo) this.#hashes.keep(uploadId, hashed);
    return hashed;
  }

  async *#bytes(uploadId: string, range: Range, rewrites: number): AsyncGenerator<Uint8Array> {
    const { kept } = this.#hashes;
    for (let at = range.start; at < range.end; ) {
      const chunk = kept.read(uploadId, at, rewrites);
      if (chunk === null) {
        const end = Math.min(range.end, kept.next(uploadId, at, rewrites) ?? range.end);
        yield* uploadBytes(this.#sources, uploadId, { start: at, end });
        at = end;
      } else {
        for (const bytes of chunk) {
          const wanted = bytes.subarray(0, range.end - at);
          at += wanted.byteLength;
          if (wanted.byteLength > 0) yield wanted;
          // Hashing a slab takes about a millisecond: others come in between.
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    }
  }
}
