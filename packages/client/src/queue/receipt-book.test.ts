import { expect, it } from 'vitest';
import { defaultRuntime } from '../runtime.ts';
import { createMemoryStore } from './memory-store.ts';
import { newRow } from './new-upload.ts';
import type { UploadRow } from './queue-row.ts';
import { ReceiptBook } from './receipt-book.ts';

it('C14: slices of a file that was selected again are freed by receipts like those before', async () => {
  const store = createMemoryStore();
  const mark = { name: 'a', size: 20, lastModified: 0, head: null, tail: null };
  const wish = { id: 'a', blob: new Blob(['x'.repeat(20)]), file: mark, metadata: {}, options: {}, now: 1 };
  const row: UploadRow = { ...newRow(wish, { endpoint: '' }), keeping: 'stored', sliceBytes: 10 };
  await store.insert(row);
  const storage = { use: <T>(work: (of: typeof store) => Promise<T>) => work(store), close: () => {} };
  const book = new ReceiptBook({ storage, runtime: defaultRuntime(), row: () => row });
  const slice = { uploadId: 'a', start: 0, end: 10, bytes: new ArrayBuffer(10) };
  for (const _selected of ['once', 'again']) {
    await store.putSlice(slice);
    book.add({ index: 0, start: 0, end: 10, sha256: null });
    await book.flush();
    expect(await store.slices('a', 0, 20)).toEqual([]);
    // The server has lost the upload: nothing is left of it, and the file is asked for.
    await book.forget();
  }
});
