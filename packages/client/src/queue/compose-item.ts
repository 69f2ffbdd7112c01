/** What is shown of an upload: its record, and what the engine says while it is at work. Pure. */
import type { UploadSnapshot, Waiting } from '../snapshot.ts';
import { UploadError } from '../upload-error.ts';
import type { QueueError, QueueItem, QueueStatus } from './queue-item.ts';
import type { TallyRow, UploadRow } from './queue-row.ts';
import type { QueueMetrics } from './queue-snapshot.ts';

/** What is known beyond the record. */
export interface LiveFacts {
  /** Of the engine; null when it is not at work on it. */
  readonly snapshot: UploadSnapshot | null;
  /** Bytes that the server acknowledged before, by the receipts that are kept. */
  readonly acknowledgedBytes: number;
  readonly acknowledgedChunks: number;
  /** It failed and is begun again then. */
  readonly retryAt: number | null;
  /** The highest progress that was shown. */
  readonly progress: number;
  /** Put before the address of the content. */
  readonly endpoint: string;
}

const nothingLive: LiveFacts = {
  snapshot: null,
  acknowledgedBytes: 0,
  acknowledgedChunks: 0,
  retryAt: null,
  progress: 0,
  endpoint: '',
};

export function composeItem(row: UploadRow, live: Partial<LiveFacts> = {}): QueueItem {
  const facts = { ...nothingLive, ...live };
  const { snapshot, endpoint, retryAt } = facts;
  const completed = row.status === 'completed';
  const { status, waiting } = statusOf(row, snapshot, retryAt);
  const acknowledged = completed ? row.size : Math.max(snapshot?.bytesAcknowledged ?? 0, facts.acknowledgedBytes);
  const fraction = row.size === 0 ? 0 : acknowledged / row.size;
  const { id, owner, filename, contentType, size, metadata, priority, keeping, retries, maxRetries, error } = row;
  return Object.freeze<QueueItem>({
    ...{ id, owner, filename, contentType, size, metadata, priority, status, waiting, keeping },
    preparation: null,
    progress: completed ? 1 : Math.min(0.999, Math.max(facts.progress, snapshot?.progress ?? 0, fraction)),
    bytesAcknowledged: acknowledged,
    bytesInFlight: snapshot?.bytesInFlight ?? 0,
    chunksAcknowledged: completed
      ? row.totalChunks
      : Math.max(snapshot?.chunksAcknowledged ?? 0, facts.acknowledgedChunks),
    totalChunks: snapshot?.totalChunks || row.totalChunks,
    chunkSize: snapshot?.chunkSize || row.gridBytes,
    bytesPerSecond: snapshot?.bytesPerSecond ?? null,
    etaSeconds: snapshot?.etaSeconds ?? null,
    bytesChecked: snapshot?.bytesChecked ?? null,
    ...{ retries, maxRetries, error },
    uploadId: row.uploadId,
    assetId: row.assetId,
    sha256: row.sha256,
    recordingId: row.target === 'recording' ? row.uploadId : null,
    finalUrl: row.assetId === null ? null : `${endpoint.replace(/\/+$/, '')}/v1/assets/${row.assetId}/content`,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    completedAt: row.completedAt,
  });
}

interface Shown {
  readonly status: QueueStatus;
  readonly waiting: Waiting | null;
}

function statusOf(row: UploadRow, snapshot: UploadSnapshot | null, retryAt: number | null): Shown {
  if (row.status !== 'queued') return { status: row.status, waiting: null };
  if (retryAt !== null) return { status: 'waiting', waiting: { reason: 'retrying', until: retryAt } };
  switch (snapshot?.state) {
    case 'waiting':
      return { status: 'waiting', waiting: snapshot.waiting };
    case 'uploading':
    case 'finishing':
      return { status: snapshot.state, waiting: null };
    case 'paused':
      return { status: 'paused', waiting: null };
    case 'preparing':
      return { status: snapshot.uploadId === null ? 'queued' : 'uploading', waiting: null };
    // The record says it a moment later.
    case 'completed':
      return { status: 'finishing', waiting: null };
    default:
      return { status: 'queued', waiting: null };
  }
}

export function composeMetrics(tally: TallyRow, active: number): QueueMetrics {
  const { total, completed, failed, bytes, sendingMs, retries } = tally;
  const ended = completed + failed;
  return {
    ...{ total, completed, failed, active, bytes },
    averageSpeed: sendingMs === 0 ? null : (bytes * 1_000) / sendingMs,
    successRate: ended === 0 ? null : completed / ended,
    averageRetries: ended === 0 ? null : retries / ended,
  };
}

const over: ReadonlySet<QueueStatus> = new Set(['completed', 'cancelled', 'failed']);

export function countActive(items: Iterable<QueueItem>): number {
  let active = 0;
  for (const { status } of items) if (!over.has(status)) active += 1;
  return active;
}

export function errorFacts(error: unknown): QueueError {
  if (!(error instanceof UploadError)) {
    return { type: 'validation', code: 'unexpected', message: String(error), retryable: false };
  }
  const { type, code, message, chunk, retryable } = error;
  return { type, code, message, retryable, ...(chunk === undefined ? {} : { chunk }) };
}
