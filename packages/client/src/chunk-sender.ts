/** One chunk from the source to its receipt: read once → SHA-256 → send the same bytes. */
import { type ChunkReceipt, formatSha256Digest } from '@holdfast/protocol';
import type { ChunkSpan } from './chunk-ledger.ts';
import { canDigest, sha256Hex } from './sha256.ts';
import { readBytes, readSpan } from './source-reading.ts';
import type { UploadApi } from './upload-api.ts';
import { UploadError } from './upload-error.ts';
import { blobBytes, type ChunkBytes, type UploadSource } from './upload-source.ts';

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

/** @throws UploadError; the signal's reason. */
export async function sendChunk(sending: ChunkSending): Promise<ChunkReceipt> {
  const { api, source, uploadId, span, digests, patience, signal, onSent } = sending;
  const bytes = span.end - span.start;
  let body: ChunkBytes;
  let digest: string | null = null;
  if (digests && api.hashing !== undefined) {
    body = await readSpan(source, span, signal);
    if (body instanceof Blob) digest = 'by-transport';
    else if (canDigest()) digest = formatSha256Digest(await sha256Hex(body));
  } else if (digests && canDigest()) {
    body = await readBytes(source, span, signal);
    digest = formatSha256Digest(await sha256Hex(body));
  } else body = await readSpan(source, span, signal);
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
