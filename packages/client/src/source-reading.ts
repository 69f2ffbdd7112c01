/** Reading from a source, with its failures as typed errors and its length checked. */
import { UploadError } from './upload-error.ts';
import { blobBytes, type ChunkBytes, sourceUnreadable, type UploadSource } from './upload-source.ts';

export interface Span {
  /** First byte. */
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** Exactly the bytes of the span. @throws UploadError `source-unreadable`, `source-changed`; the signal's reason. */
export async function readSpan(source: UploadSource, { start, end }: Span, signal: AbortSignal): Promise<ChunkBytes> {
  let bytes: ChunkBytes;
  try {
    bytes = await source.read(start, end, signal);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw cause instanceof UploadError ? cause : sourceUnreadable('The file cannot be read.', cause);
  }
  if ((bytes instanceof Blob ? bytes.size : bytes.byteLength) === end - start) return bytes;
  throw new UploadError('The file is not as long any more as it was at the start.', {
    type: 'validation',
    code: 'source-changed',
    retryable: false,
  });
}

/** The same, in memory. */
export async function readBytes(
  source: UploadSource,
  span: Span,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readSpan(source, span, signal);
  return bytes instanceof Blob ? blobBytes(bytes) : bytes;
}
