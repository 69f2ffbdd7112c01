/** The tab that had the bytes of an upload is gone: what is left of them? */
import { ByteRanges } from './byte-ranges.ts';
import { isOver, type UploadRow } from './queue-row.ts';
import type { AlsoChange } from './queue-store.ts';
import type { SwitchedStorage } from './storage-switch.ts';

export interface ContentRecovery {
  readonly storage: SwitchedStorage;
  readonly row: UploadRow;
  /** What the server has. */
  readonly ranges: ByteRanges;
  readonly now: number;
}

const lost = {
  type: 'validation',
  code: 'source-unreadable',
  message: 'The bytes were only in a page that was closed.',
  retryable: false,
} as const;

/** A recording goes on with what is stored of it; a file whose rest is missing has to be selected again. */
export async function recoverContent({ storage, row, ranges, now }: ContentRecovery): Promise<'kept' | 'removed'> {
  const { id, status, size, keeping, file } = row;
  const end = keeping === 'memory' ? 0 : await storage.use((store) => store.storedEnd(id));
  // What somebody ended meanwhile stays so.
  const changed = (before: UploadRow, change: Partial<UploadRow>) =>
    isOver(before.status) ? null : { ...before, ...change, updatedAt: now };
  const as = (change: Partial<UploadRow>, also?: AlsoChange) =>
    storage.use((store) => store.update(id, (before) => changed(before, change), also));
  if (status === 'recording') {
    if (end > 0) await as({ status: 'queued', keeping: 'stored', size: end });
    else await storage.use((store) => store.remove([id]));
    return end > 0 ? 'kept' : 'removed';
  }
  const safe = new ByteRanges();
  for (const span of [{ start: 0, end }, ...ranges.spans]) safe.add(span);
  if (safe.covers({ start: 0, end: size })) {
    await as({ keeping: 'stored' });
    return 'kept';
  }
  if (file === null) await as({ status: 'failed', keeping: 'released', error: lost }, { drop: 'slices' });
  else await as({ status: 'needs-reselect', keeping: 'released' }, { drop: 'slices' });
  return 'kept';
}
