/**
 * Chunks that are in the store already and still in memory, because bytes before them are on their way: what is sent over several connections
 * never comes in order, and reading it back to hash it would cost a download of everything. They only use what is spare of the budget, and
 * of that a part: whoever needs room takes it from them, the oldest first.
 */
import type { Range } from '../../core/extents.ts';
import type { SlabPool, Slabs } from './slab-pool.ts';

/** At most so much, and a quarter of the budget: more would be held where a connection is slow, which no hash can help. */
const keptBytesMax = 64 * 1024 * 1024;

interface Kept {
  readonly uploadId: string;
  readonly range: Range;
  /** Of the part map when it was recorded: with another number it may not be what is recorded any more. */
  readonly rewrites: number;
  readonly slabs: Slabs;
  /** Being read. */
  users: number;
}

export class KeptChunks {
  readonly #bytesMax: number;
  /** The oldest first. */
  readonly #kept = new Set<Kept>();
  #bytes = 0;

  constructor(pool: SlabPool) {
    this.#bytesMax = Math.min(keptBytesMax, pool.bytesMax / 4);
    pool.onShort = () => this.#dropOldest();
  }

  /** Takes the memory over. */
  keep(uploadId: string, chunk: { readonly range: Range; readonly rewrites: number }, slabs: Slabs): void {
    if (slabs.heldBytes > this.#bytesMax) return;
    for (const kept of this.#of(uploadId)) if (kept.range.start === chunk.range.start) this.#drop(kept);
    while (this.#bytes + slabs.heldBytes > this.#bytesMax) if (!this.#dropOldest()) return;
    this.#bytes += slabs.heldBytes;
    this.#kept.add({ uploadId, ...chunk, slabs: slabs.handOver(), users: 0 });
  }

  /** Where the next one begins, at or behind that place. */
  next(uploadId: string, at: number, rewrites: number): number | null {
    const starts = this.#of(uploadId)
      .filter((kept) => kept.rewrites === rewrites && kept.range.start >= at)
      .map((kept) => kept.range.start);
    return starts.length === 0 ? null : Math.min(...starts);
  }

  /** The bytes from that place on of the one that begins there; null when there is none (any more). */
  read(uploadId: string, at: number, rewrites: number): Generator<Uint8Array> | null {
    const kept = this.#of(uploadId).find((one) => one.range.start === at && one.rewrites === rewrites);
    return kept === undefined ? null : reading(kept);
  }

  /** What is before that place is not needed any more. */
  forgetBefore(uploadId: string, upTo: number): void {
    for (const kept of this.#of(uploadId)) if (kept.range.start < upTo) this.#drop(kept);
  }

  forget(uploadId: string): void {
    for (const kept of this.#of(uploadId)) this.#drop(kept);
  }

  #of(uploadId: string): Kept[] {
    return [...this.#kept].filter((kept) => kept.uploadId === uploadId);
  }

  #dropOldest(): boolean {
    for (const kept of this.#kept) if (this.#drop(kept)) return true;
    return false;
  }

  /** False while it is read: it goes the next time that somebody asks. */
  #drop(kept: Kept): boolean {
    if (kept.users > 0) return false;
    this.#kept.delete(kept);
    this.#bytes -= kept.slabs.heldBytes;
    kept.slabs.give();
    return true;
  }
}

function* reading(kept: Kept): Generator<Uint8Array> {
  kept.users += 1;
  try {
    yield* kept.slabs.buffers();
  } finally {
    kept.users -= 1;
  }
}
