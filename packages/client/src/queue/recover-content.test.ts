/** C14: what is left of content whose tab is gone. */
import { expect, it } from 'vitest';
import { ByteRanges } from './byte-ranges.ts';
import { createMemoryStore } from './memory-store.ts';
import { newRow } from './new-upload.ts';
import type { UploadRow } from './queue-row.ts';
import { recoverContent } from './recover-content.ts';

const file = { name: 'a', size: 7, lastModified: 1, head: null, tail: null };

async function recovered(was: Partial<UploadRow>, is: Partial<UploadRow>, storedBytes: number) {
  const store = createMemoryStore();
  const wish = { id: 'a', blob: new Blob(['content']), file: null, metadata: {}, options: {}, now: 1 };
  const row: UploadRow = { ...newRow(wish, { endpoint: '' }), ...was };
  const bytes = new ArrayBuffer(storedBytes);
  await store.insert(row, storedBytes === 0 ? undefined : { uploadId: 'a', start: 0, end: storedBytes, bytes });
  await store.update('a', (before) => ({ ...before, ...is }));
  const storage = { use: <T>(work: (kept: typeof store) => Promise<T>) => work(store), close: () => {} };
  await recoverContent({ storage, row, ranges: new ByteRanges(), now: 2 });
  return store.row('a');
}

it.each<[Partial<UploadRow>, number, Partial<UploadRow> | undefined]>([
  [{ status: 'recording', size: 0 }, 5, { status: 'queued', keeping: 'stored', size: 5 }],
  [{ status: 'recording', size: 0 }, 0, undefined],
  [{ status: 'queued', file }, 7, { status: 'queued', keeping: 'stored' }],
  [{ status: 'queued', file }, 5, { status: 'needs-reselect', keeping: 'released' }],
  [{ status: 'queued', file: null }, 5, { status: 'failed', keeping: 'released' }],
])('%j with %d bytes in the store becomes %j', async (was, storedBytes, becomes) => {
  const row = await recovered(was, {}, storedBytes);
  if (becomes === undefined) expect(row).toBeUndefined();
  else expect(row).toMatchObject(becomes);
});

it.each<[Partial<UploadRow>, number]>([
  [{ status: 'recording', size: 0 }, 5],
  [{ status: 'queued', file }, 7],
  [{ status: 'queued', file }, 5],
  [{ status: 'queued', file: null }, 5],
])('%j with %d bytes, cancelled meanwhile, stays so', async (was, storedBytes) => {
  const cancelled = { status: 'cancelled', keeping: 'released' } as const;
  expect(await recovered(was, cancelled, storedBytes)).toMatchObject({ ...cancelled, error: null });
});
