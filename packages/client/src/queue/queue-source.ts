/** The bytes of a queued upload: out of the store where they are, else from the Blob that this page still holds. */
import type { ChunkBytes, UploadSource } from '../upload-source.ts';
import { sourceUnreadable } from '../upload-source.ts';
import type { SliceRow, UploadRow } from './queue-row.ts';
import type { SwitchedStorage } from './storage-switch.ts';

export interface QueueSourceOptions {
  readonly row: UploadRow;
  readonly storage: SwitchedStorage;
  /** Null when there is none (any more). */
  readonly live: () => Blob | null;
}

export function queueSource({ row, storage, live }: QueueSourceOptions): UploadSource {
  return {
    name: row.filename,
    type: row.contentType,
    size: row.size,
    async read(start, end): Promise<ChunkBytes> {
      const blob = live();
      if (blob !== null) return blob.slice(start, end);
      const slices = await storage.use((store) => store.slices(row.id, start, end));
      return cut(slices, start, end);
    },
  };
}

/** Exactly `[start, end)` out of slices, without reading them. @throws UploadError `source-unreadable` where something is missing. */
function cut(slices: readonly SliceRow[], start: number, end: number): Blob {
  const parts: (Blob | ArrayBuffer)[] = [];
  let at = start;
  for (const slice of slices) {
    if (slice.start > at) break;
    const to = Math.min(end, slice.end);
    parts.push(slice.bytes.slice(at - slice.start, to - slice.start));
    at = to;
  }
  if (at < end) throw sourceUnreadable('The bytes are not kept in this browser any more. Select the file again.', null);
  const [only] = parts;
  return parts.length === 1 && only instanceof Blob ? only : new Blob(parts);
}
