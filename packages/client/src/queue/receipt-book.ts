/** Receipts of chunks: remembered for the next page, and bytes that the server has freed here. Gathered, so that a fast link costs few writes. */
import type { Runtime } from '../runtime.ts';
import type { StoredChunk } from '../upload-client.ts';
import { ByteRanges } from './byte-ranges.ts';
import type { ChunkRow, UploadRow } from './queue-row.ts';
import type { SwitchedStorage } from './storage-switch.ts';

const gatherMs = 250;

export class ReceiptBook {
  readonly ranges = new ByteRanges();
  readonly #storage: SwitchedStorage;
  readonly #runtime: Runtime;
  readonly #row: () => UploadRow;
  readonly #freed = new Set<number>();
  #pending: ChunkRow[] = [];
  #chunks = 0;
  #cancelTimer: (() => void) | null = null;

  /** `row`: as it is now. */
  constructor(options: {
    readonly storage: SwitchedStorage;
    readonly runtime: Runtime;
    readonly row: () => UploadRow;
  }) {
    this.#storage = options.storage;
    this.#runtime = options.runtime;
    this.#row = options.row;
  }

  get chunks(): number {
    return this.#chunks;
  }

  /** What an earlier page was told. */
  recall(chunk: ChunkRow): void {
    this.ranges.add(chunk);
    this.#chunks += 1;
  }

  add(chunk: StoredChunk): void {
    this.ranges.add(chunk);
    this.#chunks += 1;
    const row = this.#row();
    // One that is complete with it needs no book.
    if (chunk.end - chunk.start === row.size) return;
    this.#pending.push({ uploadId: row.id, ...chunk });
    this.#cancelTimer ??= this.#runtime.after(gatherMs, () => void this.flush());
  }

  /** Never rejects: the server knows what it has; storing less is only slower. */
  async flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const chunks = this.#pending;
    this.#pending = [];
    const row = this.#row();
    const freed = this.#coveredSlices(row);
    try {
      if (chunks.length > 0) await this.#storage.use((store) => store.putChunks(chunks));
      if (freed.length > 0) await this.#storage.use((store) => store.dropSlices(row.id, freed));
    } catch {
      // See above.
    }
  }

  /** The server has lost it, or begins anew. */
  async forget(): Promise<void> {
    this.stop();
    this.ranges.clear();
    this.#freed.clear();
    this.#chunks = 0;
    await this.#storage.use((store) => store.dropChunks(this.#row().id));
  }

  /** No slice is here any more; those that come again are to be freed again. */
  contentGone(): void {
    this.#freed.clear();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#pending = [];
  }

  /** Starts of slices that the server has in full and that are here still. */
  #coveredSlices({ keepUntil, keeping, sliceBytes, size }: UploadRow): number[] {
    if (keepUntil !== 'receipt' || keeping !== 'stored' || sliceBytes === 0) return [];
    const starts: number[] = [];
    for (let start = 0; start < size; start += sliceBytes) {
      if (this.#freed.has(start)) continue;
      if (!this.ranges.covers({ start, end: Math.min(start + sliceBytes, size) })) continue;
      this.#freed.add(start);
      starts.push(start);
    }
    return starts;
  }
}
