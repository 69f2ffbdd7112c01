/**
 * Which unfinished upload a picked file continues. Name and size alone can belong to another file (a recorder that always writes
 * `rec.wav` of the same length), so when we know when the file was changed last, that has to agree as well.
 */
import type { UploadSummary } from '@holdfast/protocol';
import type { FileIdentity, RememberedUploads } from './remembered.ts';

/** Written to the upload's metadata at creation, so that another browser can tell files apart too. */
export const lastModifiedField = 'lastModified';

export function matchUnfinished(
  file: FileIdentity,
  unfinished: readonly UploadSummary[],
  remembered: RememberedUploads,
): UploadSummary | null {
  const candidates = unfinished.filter(
    (upload) => upload.filename === file.name && upload.size === file.size && sameTime(file, upload, remembered),
  );
  const known = remembered.find(file);
  return candidates.find((upload) => upload.id === known) ?? furthest(candidates);
}

function sameTime(file: FileIdentity, upload: UploadSummary, remembered: RememberedUploads): boolean {
  const recorded = upload.metadata[lastModifiedField];
  const time = recorded === undefined ? remembered.lastModifiedOf(upload.id) : Number(recorded);
  return time === null || Number.isNaN(time) || time === file.lastModified;
}

function furthest(uploads: readonly UploadSummary[]): UploadSummary | null {
  return uploads.toSorted((a, b) => b.receivedBytes - a.receivedBytes)[0] ?? null;
}
