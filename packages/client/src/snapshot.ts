/** What the engine shows of an upload: immutable, and the same object until something changed (`useSyncExternalStore`). */
import type { UploadError } from './upload-error.ts';

/**
 * - preparing: waiting for its turn, creating the upload or asking what the server has.
 * - uploading: chunks are on their way.
 * - paused: by `pause()`, or by somebody else on the server (then it goes on by itself when they resume it).
 * - waiting: nothing can be sent now; `waiting` says why and until when. Goes on by itself.
 * - finishing: every byte is acknowledged; the server verifies and stores the whole.
 * - completed, cancelled: final.
 * - failed: `error` says why; `retry()` goes on from what is acknowledged.
 */
export type UploadSnapshotState =
  | 'preparing'
  | 'uploading'
  | 'paused'
  | 'waiting'
  | 'finishing'
  | 'completed'
  | 'failed'
  | 'cancelled';

/**
 * - offline: the browser says that there is no network.
 * - unreachable: the server does not answer.
 * - busy: the server answered that it has no room now (rate limit, shutting down, a dependency is away).
 * - retrying: a chunk went wrong and is about to be sent again.
 */
export type WaitingReason = 'offline' | 'unreachable' | 'busy' | 'retrying';

export interface Waiting {
  readonly reason: WaitingReason;
  /** When it is tried again: milliseconds since the epoch. */
  readonly until: number;
}

export interface UploadSnapshot {
  /** Of the handle; unique within its client. */
  readonly id: string;
  readonly state: UploadSnapshotState;
  /** Why and until when; only in `waiting`. */
  readonly waiting: Waiting | null;
  /** The server's id; keep it to resume later (`resumeId`). Null until the upload is created. */
  readonly uploadId: string | null;
  readonly filename: string;
  readonly contentType: string;
  /** Bytes in the file. */
  readonly size: number;
  /** Bytes that the server has acknowledged. Only these are safe. */
  readonly bytesAcknowledged: number;
  /** Bytes handed to the network and not acknowledged; falls when a chunk has to be sent again. */
  readonly bytesInFlight: number;
  /** 0 … 1 for a progress bar: acknowledged and in flight; never goes back during an upload, and is 1 only when completed. */
  readonly progress: number;
  readonly chunksAcknowledged: number;
  /** 0 until the server has said what the grid is. */
  readonly totalChunks: number;
  /** Bytes per chunk; 0 until the server has said. */
  readonly chunkSize: number;
  /** Smoothed; null while it is not known (the first 2 s) and when nothing is being sent. */
  readonly bytesPerSecond: number | null;
  readonly etaSeconds: number | null;
  /** While it is `finishing`: bytes that the server has checked, 0 … `size`. Null until it has told so, and otherwise. */
  readonly bytesChecked: number | null;
  /** Of the content, once it is completed. */
  readonly assetId: string | null;
  readonly sha256: string | null;
  /** Whether it goes on from an earlier upload, of which the server had bytes. */
  readonly resumed: boolean;
  /** Only in `failed`. */
  readonly error: UploadError | null;
}

export interface CompletedUpload {
  readonly uploadId: string;
  readonly assetId: string;
  /** Of the whole file as the server stored it, 64 hex digits. */
  readonly sha256: string;
}
