/** One chunk from the source to its receipt: read once → SHA-256 → send the same bytes. */
import { type ChunkReceipt, formatSha256Digest } from '@holdfast/protocol';
import type { ChunkSpan } from './chunk-ledger.ts';
import type { UploadApi } from './upload-api.ts';
import { UploadError } from './upload-error.ts';
import { blobBytes, type ChunkBytes, sourceUnreadable, type UploadSource } from './upload-source.ts';

export interface ChunkSending {
  readonly api: UploadApi;
  readonly source: UploadSource;
  readonly uploadId: string;
  readonly span: ChunkSpan;
  readonly digests: boolean;
  /** How many times the usual silence is borne. */
  readonly patience: number;
  readonly signal: AbortSignal;
  readonly onSent: (bytes: number) => void;
}

async function contentDigest(subtle: SubtleCrypto, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  return formatSha256Digest(Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''));
}

/** @throws UploadError; the signal's reason. */
export async function sendChunk(sending: ChunkSending): Promise<ChunkReceipt> {
  const { api, source, uploadId, span, digests, patience, signal, onSent } = sending;
  const bytes = span.end - span.start;
  let body = await readSpan(source, span, signal);
  if ((body instanceof Blob ? body.size : body.byteLength) !== bytes) throw sourceChanged();
  let digest: string | null = null;
  // There in secure contexts, and in Node (where it works on the thread pool).
  const subtle = globalThis.crypto?.subtle;
  if (digests && subtle !== undefined) {
    if (body instanceof Blob) body = await blobBytes(body);
    digest = await contentDigest(subtle, body);
  }
  signal.throwIfAborted();
  try {
    return await api.putChunk({ uploadId, index: span.index, body, bytes, digest, patience, signal, onSent });
  } catch (error) {
    // A file that changed on disk looks like a network error to XMLHttpRequest; reading one byte tells.
    if (body instanceof Blob && error instanceof UploadError && error.type === 'network') {
      await blobBytes(body.slice(0, 1));
    }
    throw error;
  }
}

async function readSpan(source: UploadSource, span: ChunkSpan, signal: AbortSignal): Promise<ChunkBytes> {
  try {
    return await source.read(span.start, span.end, signal);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw cause instanceof UploadError ? cause : sourceUnreadable('The file cannot be read.', cause);
  }
}

function sourceChanged(): UploadError {
  return new UploadError('The file is not as long any more as it was at the start.', {
    type: 'validation',
    code: 'source-changed',
    retryable: false,
  });
}
