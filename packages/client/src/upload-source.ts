/** Where the bytes come from. */
import { UploadError } from './upload-error.ts';

export type ChunkBytes = Blob | Uint8Array<ArrayBuffer>;

export interface UploadSource {
  readonly name: string;
  /** Media type; '' when not known. */
  readonly type: string;
  /** Bytes; does not change. */
  readonly size: number;
  /**
   * The bytes of `[start, end)`, all of them. Idempotent; several may run at once.
   * @throws UploadError `source-changed` when the content is not what it was, `source-unreadable` when it cannot be read.
   */
  read(start: number, end: number, signal: AbortSignal): Promise<ChunkBytes>;
  /** Frees what the source holds open. Called when the upload has ended, is paused or has failed; `read` may follow. */
  close?(): Promise<void>;
}

/** A Blob or File of the browser (or of Node). */
export function blobSource(blob: Blob, name?: string): UploadSource {
  return {
    name: name ?? ('name' in blob && typeof blob.name === 'string' ? blob.name : 'blob'),
    type: blob.type,
    size: blob.size,
    read: async (start, end) => blob.slice(start, end),
  };
}

/** The bytes of a Blob in memory. @throws UploadError `source-unreadable`: browsers say so when the file changed on disk. */
export async function blobBytes(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw sourceUnreadable(unreadableBlob, cause);
  }
}

export const unreadableBlob = 'The file cannot be read any more: it was changed, moved or removed. Select it again.';

export function sourceUnreadable(message: string, cause: unknown): UploadError {
  return new UploadError(message, { type: 'validation', code: 'source-unreadable', retryable: false, cause });
}
