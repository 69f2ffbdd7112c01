/**
 * Recordings: uploads whose facts are kept for good. A recording is created with its upload (the write `keep-recording`), has the same id,
 * and outlives it: a purge leaves the facts of the upload here, in the same transaction. A conformance suite runs on every adapter.
 */
import type { Upload } from '../upload.ts';

export interface Recording {
  /** As it is now, or as it was when it was purged. */
  readonly upload: Upload;
  /** Its chunks and its log are gone. */
  readonly purged: boolean;
}

export interface RecordingQuery {
  readonly principal: string;
  /** The whole subject, without regard to case. */
  readonly subject?: string;
  /** How many of the newest are passed over. */
  readonly skip: number;
  readonly limit: number;
}

export interface RecordingStore {
  /** Null when there is none of that id for the principal. */
  findRecording(id: string, principal: string): Promise<Recording | null>;
  /** Newest first. `total` counts all that the query is about. */
  listRecordings(query: RecordingQuery): Promise<{ readonly items: readonly Recording[]; readonly total: number }>;
}
