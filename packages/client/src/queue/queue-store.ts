/** Where the queue keeps what must survive: a port with two adapters, IndexedDB and memory. */
import type { ChunkRow, SliceRow, TallyChange, TallyRow, UploadRow } from './queue-row.ts';

export interface StoredQueue {
  readonly rows: readonly UploadRow[];
  readonly chunks: readonly ChunkRow[];
  readonly tally: TallyRow;
}

/** What goes with a changed record, all or nothing. */
export interface AlsoChange {
  /** Added to the sums of its owner. */
  readonly tally?: TallyChange | undefined;
  /** Forgets its bytes; `all`: its receipts, too. */
  readonly drop?: 'slices' | 'all' | undefined;
}

/** Obligations: each method is atomic; what resolved is durable, unless the method says otherwise. @throws the platform's errors. */
export interface QueueStore {
  /** Everything of an owner but the bytes. */
  load(owner: string): Promise<StoredQueue>;
  /** One upload; undefined when there is none. */
  row(id: string): Promise<UploadRow | undefined>;
  /** A new upload, with bytes if they come in one piece. @throws when the id is taken, or there is no room: then nothing is kept. */
  insert(row: UploadRow, slice?: SliceRow): Promise<void>;
  /**
   * Replaces a row by what `change` makes of it; where that is null, everything stays as it is. Resolves with the row, or null when there is none (any more):
   * nothing comes back to life.
   */
  update(id: string, change: (row: UploadRow) => UploadRow | null, also?: AlsoChange): Promise<UploadRow | null>;
  /** Adds bytes. Resolves with false when the upload is over or gone: then nothing is kept. Each place is written once. */
  putSlice(slice: SliceRow): Promise<boolean>;
  /** What is kept of `[start, end)`, in order; the first and the last may reach beyond. */
  slices(id: string, start: number, end: number): Promise<readonly SliceRow[]>;
  /** Frees bytes, by the starts of their slices. */
  dropSlices(id: string, starts: readonly number[]): Promise<void>;
  /** The end of the last slice; 0 when there is none. */
  storedEnd(id: string): Promise<number>;
  /** Remembers receipts. May be lost in a power cut: the server knows. */
  putChunks(chunks: readonly ChunkRow[]): Promise<void>;
  /** Forgets the receipts of an upload. */
  dropChunks(id: string): Promise<void>;
  /** Removes uploads with all that belongs to them. */
  remove(ids: readonly string[]): Promise<void>;
  /** Removes everything of an owner, and bytes that belong to nobody. Resolves with the ids. */
  clear(owner: string): Promise<readonly string[]>;
  /** Removes bytes whose upload is gone. */
  sweepOrphans(): Promise<void>;
  /** The right to lead for a time, where there are no Web Locks. Resolves with whether `holder` has it until `until`. */
  lease(
    name: string,
    claim: { readonly holder: string; readonly now: number; readonly until: number },
  ): Promise<boolean>;
  close(): void;
}
