/** The record of a new upload, out of what was asked for; wrong wishes are refused here. */
import { UploadError } from '../upload-error.ts';
import { type QueuePriority, queuePriorities } from './queue-item.ts';
import type { FileMark, UploadRow } from './queue-row.ts';
import type { QueueAddOptions, UploadQueueOptions } from './upload-queue.ts';

const mebibyte = 2 ** 20;
const sliceBytesDefault = 8 * mebibyte;
const maxRetriesDefault = 3;
const retriesBound = 1_000;

export interface NewUpload {
  readonly id: string;
  readonly blob: Blob | null;
  readonly file: FileMark | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly options: QueueAddOptions;
  readonly now: number;
}

/** @throws UploadError `invalid-request` that names what is wrong. */
export function newRow({ id, blob, file, metadata, options, now }: NewUpload, queue: UploadQueueOptions): UploadRow {
  const { priority = 'normal', maxRetries = maxRetriesDefault, config = {} } = options;
  const { chunkSize = null, validationEnabled = true } = config;
  const rank = rankOf(priority);
  if (!Number.isInteger(maxRetries) || maxRetries < 0 || maxRetries > retriesBound) {
    throw invalid(`maxRetries must be a whole number from 0 to ${retriesBound}.`);
  }
  if (chunkSize !== null && (!Number.isInteger(chunkSize) || chunkSize < 1)) {
    throw invalid('config.chunkSize must be a whole number of bytes.');
  }
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') throw invalid(`The metadata field ${name} must be text.`);
  }
  const contentType = options.contentType ?? blob?.type ?? '';
  return {
    ...{ id, priority, rank, contentType, metadata: { ...metadata }, chunkSize, validation: validationEnabled, file },
    owner: ownerOf(queue),
    status: 'queued',
    keeping: 'storing',
    filename: options.filename ?? nameOf(blob, contentType),
    size: blob?.size ?? 0,
    target: options.target ?? queue.target ?? 'upload',
    sliceBytes: sliceBytesOf(queue),
    keepUntil: file === null ? 'completion' : 'receipt',
    ...{
      uploadId: options.resumeId ?? null,
      reselected: options.resumeId !== undefined,
      gridBytes: 0,
      totalChunks: 0,
      retries: 0,
      maxRetries,
    },
    ...{ error: null, assetId: null, sha256: null, createdAt: now, updatedAt: now, completedAt: null },
  };
}

export function ownerOf({ owner = 'default' }: UploadQueueOptions): string {
  return owner;
}

function rankOf(priority: QueuePriority): number {
  const rank = queuePriorities.indexOf(priority);
  if (rank === -1) throw invalid(`priority must be one of ${queuePriorities.join(', ')}.`);
  return rank;
}

function sliceBytesOf({ sliceBytes = sliceBytesDefault }: UploadQueueOptions): number {
  if (Number.isInteger(sliceBytes) && sliceBytes >= mebibyte && sliceBytes <= 32 * mebibyte) return sliceBytes;
  throw invalid('sliceBytes must be 1 … 32 MiB.');
}

const endings: Readonly<Record<string, string>> = {
  'audio/webm': 'webm',
  'audio/ogg': 'ogg',
  'audio/mp4': 'm4a',
  'audio/mpeg': 'mp3',
  'audio/wav': 'wav',
  'video/webm': 'webm',
  'video/mp4': 'mp4',
};

function nameOf(blob: Blob | null, contentType: string): string {
  if (blob instanceof File && blob.name !== '') return blob.name;
  const ending = endings[contentType.split(';')[0]?.trim() ?? ''];
  const name = blob === null ? 'recording' : 'blob';
  return ending === undefined ? name : `${name}.${ending}`;
}

export function invalid(message: string): UploadError {
  return new UploadError(message, { type: 'validation', code: 'invalid-request', retryable: false });
}

export function cancelledError(): UploadError {
  return new UploadError('The upload was cancelled.', { type: 'validation', code: 'cancelled', retryable: false });
}
