/** What is kept of an upload in IndexedDB. Two axes: what shall become of it (`status`) and where its bytes are (`keeping`). */
import type { QueueError, QueueKeeping, QueuePriority } from './queue-item.ts';

/** The intention; whether it is on its way just now is the engine's to say. */
export type RowStatus = 'recording' | 'queued' | 'paused' | 'needs-reselect' | 'failed' | 'completed' | 'cancelled';

/** How a file is recognised when it is selected again. */
export interface FileMark {
  readonly name: string;
  readonly size: number;
  readonly lastModified: number;
  /** SHA-256 of the first and the last MiB, 64 hex digits; null where the platform does not hash. */
  readonly head: string | null;
  readonly tail: string | null;
}

export interface UploadRow {
  readonly id: string;
  readonly owner: string;
  readonly status: RowStatus;
  readonly keeping: QueueKeeping;
  readonly priority: QueuePriority;
  /** Of the priority: 0 is urgent. */
  readonly rank: number;
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly target: 'upload' | 'recording';
  readonly chunkSize: number | null;
  readonly validation: boolean;
  /** Null for what no person can select again. */
  readonly file: FileMark | null;
  /** Slices begin at multiples of it; 0 when they came as they came. */
  readonly sliceBytes: number;
  /** A selected file has another copy with its person: slices go with their receipts. Anything else stays until it is verified. */
  readonly keepUntil: 'receipt' | 'completion';
  readonly uploadId: string | null;
  /** Whether the bytes that come now may differ from those that were sent: selected again. */
  readonly reselected: boolean;
  readonly gridBytes: number;
  readonly totalChunks: number;
  readonly retries: number;
  readonly maxRetries: number;
  readonly error: QueueError | null;
  readonly assetId: string | null;
  readonly sha256: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly completedAt: number | null;
}

/** A run of bytes of an upload; written once. Small ones are kept as bytes: a record then needs no file of its own. */
export interface SliceRow {
  readonly uploadId: string;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly bytes: Blob | ArrayBuffer;
}

/** A chunk that the server acknowledged. */
export interface ChunkRow {
  readonly uploadId: string;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly sha256: string | null;
}

/** Sums over everything that an owner ever uploaded here. */
export interface TallyRow {
  readonly owner: string;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly bytes: number;
  readonly sendingMs: number;
  readonly retries: number;
}
export type TallyChange = Partial<Omit<TallyRow, 'owner'>>;

export function emptyTally(owner: string): TallyRow {
  return { owner, total: 0, completed: 0, failed: 0, bytes: 0, sendingMs: 0, retries: 0 };
}

export function addToTally(tally: TallyRow, change: TallyChange): TallyRow {
  const sum = (name: keyof TallyChange) => Math.max(0, tally[name] + (change[name] ?? 0));
  return {
    owner: tally.owner,
    total: sum('total'),
    completed: sum('completed'),
    failed: sum('failed'),
    bytes: sum('bytes'),
    sendingMs: sum('sendingMs'),
    retries: sum('retries'),
  };
}

export function isOver(status: RowStatus): boolean {
  return status === 'completed' || status === 'cancelled';
}
