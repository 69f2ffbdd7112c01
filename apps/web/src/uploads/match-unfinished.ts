/**
 * Which unfinished upload of the server a picked file continues: one that another browser began, or this one before somebody signed out.
 * Name and size alone can belong to another file (a recorder that always writes `rec.wav` of the same length), so the time of the last
 * change has to agree as well; without it nothing is continued. The engine compares bytes before it goes on.
 */
import type { UploadSummary } from '@holdfast/protocol';

export interface FileIdentity {
  readonly name: string;
  readonly size: number;
  readonly lastModified: number;
}

/** Written to the upload's metadata at creation. */
export const lastModifiedField = 'lastModified';

export function matchUnfinished(file: FileIdentity, unfinished: readonly UploadSummary[]): UploadSummary | null {
  const same = unfinished.filter(
    ({ filename, size, metadata }) =>
      filename === file.name && size === file.size && Number(metadata[lastModifiedField]) === file.lastModified,
  );
  return same.toSorted((a, b) => b.receivedBytes - a.receivedBytes)[0] ?? null;
}
