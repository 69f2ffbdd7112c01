/** What the queue shows of an upload: plain data, so that it can cross tabs; a new object whenever something changed. */
import type { Waiting } from '../snapshot.ts';
import type { UploadErrorType } from '../upload-error.ts';

/** In the order in which they are sent. A higher one goes first from the next chunk on; chunks on their way are not stopped. */
export const queuePriorities = ['urgent', 'high', 'normal', 'low'] as const;
export type QueuePriority = (typeof queuePriorities)[number];

/**
 * - preparing: compressed (if asked for) before it is stored.
 * - recording: bytes still come in (`openRecording`).
 * - queued: waits for its turn.
 * - uploading: on its way; also while it is being stored in this browser.
 * - waiting: nothing can be sent now; `waiting` says why and until when. Goes on by itself.
 * - finishing: the server has every byte, verifies and stores the whole.
 * - paused: by `pause`, or on the server by somebody else.
 * - needs-reselect: the bytes are not here any more (too big for this browser's storage, or its tab died while storing): `provideFile`.
 * - failed: `error` says why, `retries` are used up or would not help; `retry` tries again.
 * - completed, cancelled: final.
 */
export const queueStatuses = [
  'preparing',
  'recording',
  'queued',
  'uploading',
  'waiting',
  'finishing',
  'paused',
  'needs-reselect',
  'failed',
  'completed',
  'cancelled',
] as const;
export type QueueStatus = (typeof queueStatuses)[number];

/** An UploadError as plain data. */
export interface QueueError {
  readonly type: UploadErrorType;
  readonly code: string;
  readonly message: string;
  /** Index of the chunk it happened to. */
  readonly chunk?: number;
  readonly retryable: boolean;
}

/**
 * - storing: being written; not safe from a crash yet.
 * - stored: every byte that the server does not have is in IndexedDB: survives tab, browser and machine.
 * - memory: there was no room (or there is no IndexedDB): lives as long as this page, then `needs-reselect`.
 * - released: nothing is needed any more.
 */
export type QueueKeeping = 'storing' | 'stored' | 'memory' | 'released';

export interface QueueItem {
  /** Of the queue; the same in all tabs and after restarts. Not the server's id. */
  readonly id: string;
  readonly owner: string;
  readonly filename: string;
  readonly contentType: string;
  /** Bytes; grows while `recording`. */
  readonly size: number;
  /** As given to `addUpload`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly priority: QueuePriority;
  readonly status: QueueStatus;
  readonly waiting: Waiting | null;
  readonly keeping: QueueKeeping;
  /** 0 … 1 while `preparing` (compression); null otherwise. */
  readonly preparation: number | null;
  /** 0 … 1 for a bar; 1 only when completed, never goes back while this page lives. */
  readonly progress: number;
  /** What the server has made durable. */
  readonly bytesAcknowledged: number;
  readonly bytesInFlight: number;
  readonly chunksAcknowledged: number;
  /** 0 until the server has said. */
  readonly totalChunks: number;
  /** Bytes; 0 until the server has said. */
  readonly chunkSize: number;
  /** Null while not known. */
  readonly bytesPerSecond: number | null;
  readonly etaSeconds: number | null;
  /** While `finishing`: bytes that the server has checked, 0 … `size`; null until it has told so, and otherwise. */
  readonly bytesChecked: number | null;
  /** How often it was begun again after a failure, and how often it may be. */
  readonly retries: number;
  readonly maxRetries: number;
  /** Of the last failure; null when there was none, and after it went on. */
  readonly error: QueueError | null;
  /** The server's id; null until created. */
  readonly uploadId: string | null;
  readonly assetId: string | null;
  readonly sha256: string | null;
  /** With `target: 'recording'`, once created: the id of the recording. */
  readonly recordingId: string | null;
  /** Where the content is, once completed: an address at the endpoint. */
  readonly finalUrl: string | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly completedAt: number | null;
}
