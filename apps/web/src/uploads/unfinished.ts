/** Uploads that the server waits for and that this page does not send. Pure. */
import type { UploadSnapshot } from '@holdfast/client';
import type { UploadSummary } from '@holdfast/protocol';

export interface Unfinished {
  readonly upload: UploadSummary;
  /** Bytes came a moment ago, from another window or machine: nothing to do here. */
  readonly elsewhere: boolean;
}

export interface UnfinishedContext {
  /** The uploads of this page. */
  readonly here: readonly UploadSnapshot[];
  isOwn(uploadId: string): boolean;
  isGone(uploadId: string): boolean;
  readonly now: number;
}

// Longer than a slow chunk and a few retries take.
const recentMs = 45_000;

export function unfinishedUploads(uploads: readonly UploadSummary[], context: UnfinishedContext): Unfinished[] {
  return uploads
    .filter((upload) => !context.isGone(upload.id) && !context.here.some((snapshot) => isSame(snapshot, upload)))
    .map((upload) => {
      const recent = context.now - Date.parse(upload.updatedAt) < recentMs;
      // What this browser began was cut off by closing the page; of another's uploads only the time can tell.
      // Bytes of other protocols are appended by their own clients.
      if (upload.intake === 'append') return { upload, elsewhere: true };
      return { upload, elsewhere: recent && upload.state === 'receiving' && !context.isOwn(upload.id) };
    });
}

function isSame(snapshot: UploadSnapshot, upload: UploadSummary): boolean {
  if (snapshot.uploadId !== null) return snapshot.uploadId === upload.id;
  // The event about its creation can overtake the answer that has its id.
  return snapshot.state === 'preparing' && snapshot.filename === upload.filename && snapshot.size === upload.size;
}
