/** C14: what is over stays over: commands that come while the end of an upload is being written change nothing of it. */
import { expect, it } from 'vitest';
import type { UploadClient } from '../upload-client.ts';
import { EntryOutcomes } from './entry-outcomes.ts';
import { createMemoryStore } from './memory-store.ts';
import { newRow } from './new-upload.ts';
import { QueueEntry } from './queue-entry.ts';
import { emptyTally, type TallyChange } from './queue-row.ts';

const runtime = {
  now: () => 7,
  after: () => () => {},
  random: () => 0.5,
  isOnline: () => true,
  onConnectivity: () => () => {},
};

async function oneUpload() {
  const store = createMemoryStore();
  const wish = { id: 'a', blob: new Blob(['content']), file: null, metadata: {}, options: {}, now: 1 };
  const row = { ...newRow(wish, { endpoint: '' }), keeping: 'stored' as const };
  await store.insert(row);
  const storage = { use: <T>(work: (kept: typeof store) => Promise<T>) => work(store), close: () => {} };
  const entry = new QueueEntry(row, { storage, runtime, endpoint: '' });
  const counted: TallyChange[] = [];
  const outcomes = new EntryOutcomes({
    ...{ storage, runtime, show: () => {}, gone: () => {}, again: () => {}, takeSendingMs: () => 3 },
    count: (change) => void counted.push(change),
    client: { cancel: async () => {} } as Partial<UploadClient> as UploadClient,
  });
  return { store, entry, outcomes, counted, owner: row.owner };
}

const result = { uploadId: 'u', assetId: 'f'.repeat(64), sha256: 'f'.repeat(64) };

it.each(['pause', 'cancel', 'queue'] as const)('completed, and told to %s before that is written', async (command) => {
  const { store, entry, outcomes, counted, owner } = await oneUpload();
  const ending = outcomes.completed(entry, result);
  // A queued one: nothing says yet that it is over.
  expect(entry.row.status).toBe('queued');
  const obeying = command === 'queue' ? outcomes.write(entry, { status: 'queued' }) : outcomes[command](entry);
  await Promise.all([ending, obeying]);
  expect(await store.row('a')).toMatchObject({ ...result, status: 'completed', keeping: 'released', completedAt: 7 });
  expect(entry.row.status).toBe('completed');
  expect(counted).toHaveLength(1);
  expect((await store.load(owner)).tally).toMatchObject({ completed: 1, bytes: 7, failed: 0 });
});

it('cancelled, and paused or completed before that is written', async () => {
  const { store, entry, outcomes, counted, owner } = await oneUpload();
  await Promise.all([outcomes.cancel(entry), outcomes.pause(entry), outcomes.completed(entry, result)]);
  expect(await store.row('a')).toMatchObject({ status: 'cancelled', keeping: 'released', assetId: null });
  expect(counted).toEqual([]);
  expect((await store.load(owner)).tally).toEqual({ ...emptyTally(owner), total: 1 });
});
