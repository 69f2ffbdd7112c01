/** Uploads that the server waits for and that this browser does not send. Pure. */
import type { QueueItem } from '@holdfast/client/queue';
import type { UploadSummary } from '@holdfast/protocol';

export interface Unfinished {
  readonly upload: UploadSummary;
  /** Bytes came a moment ago, from another browser or machine: nothing to do here. */
  readonly elsewhere: boolean;
}

export interface UnfinishedContext {
  /** The queue of this browser. */
  readonly here: readonly QueueItem[];
  isGone(uploadId: string): boolean;
  readonly now: number;
}

// Longer than a slow chunk and a few retries take.
const recentMs = 45_000;

export function unfinishedUploads(uploads: readonly UploadSummary[], context: UnfinishedContext): Unfinished[] {
  return uploads
    .filter((upload) => !context.isGone(upload.id) && !context.here.some((item) => isSame(item, upload)))
    .map((upload) => {
      const recent = context.now - Date.parse(upload.updatedAt) < recentMs;
      // Bytes of other protocols are appended by their own clients; of our own only the time can tell.
      return { upload, elsewhere: upload.intake === 'append' || (recent && upload.state === 'receiving') };
    });
}

function isSame(item: QueueItem, upload: UploadSummary): boolean {
  if (item.uploadId !== null) return item.uploadId === upload.id;
  // The event about its creation can overtake the answer that has its id.
  return !over.has(item.status) && item.filename === upload.filename && item.size === upload.size;
}

const over: ReadonlySet<QueueItem['status']> = new Set(['completed', 'cancelled', 'failed']);
