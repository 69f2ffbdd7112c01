/** C14: files that are selected again, when something comes in between. */
import { expect, it } from 'vitest';
import { defaultRuntime } from '../runtime.ts';
import { ContentKeeper } from './content-keeper.ts';
import { createMemoryStore } from './memory-store.ts';
import { newRow } from './new-upload.ts';
import type { UploadRow } from './queue-row.ts';
import type { TabLocks } from './tab-locks.ts';

/** As Web Locks: the next one waits. */
function waitingLocks() {
  const tails = new Map<string, Promise<void>>();
  const held = new Set<string>();
  const hold: TabLocks['hold'] = async (id) => {
    const before = tails.get(id) ?? Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    tails.set(
      id,
      before.then(() => promise),
    );
    await before;
    held.add(id);
    return () => {
      held.delete(id);
      resolve();
    };
  };
  return { hold, held };
}

const rowOf = (id: string): UploadRow =>
  newRow({ id, blob: new Blob(['content']), file: null, metadata: {}, options: {}, now: 1 }, { endpoint: '' });

const never = new AbortController().signal;

async function setup() {
  const store = createMemoryStore();
  const asked: UploadRow = { ...rowOf('asked'), status: 'needs-reselect', keeping: 'released' };
  await store.insert(asked);
  const { hold, held } = waitingLocks();
  let fullFor = 0;
  const keeper = new ContentKeeper({
    runtime: defaultRuntime(),
    storage: {
      use: async (work) => {
        fullFor -= 1;
        if (fullFor >= 0) throw new DOMException('No room.', 'QuotaExceededError');
        return await work(store);
      },
      close: () => {},
    },
    locks: { lead: () => new Promise(() => {}), hold },
    signal: new AbortController().signal,
    // What is taken is held until the upload is over.
    isDurable: () => false,
    announce: async () => {},
  });
  const select = () => keeper.takeAgain(asked, new Blob(['content']), (row) => ({ ...row, status: 'queued' }));
  const fill = () => {
    fullFor = 1;
  };
  return { store, keeper, held, select, fill };
}

it('one that could not be noted for want of room can be selected again, in every tab', async () => {
  const { store, held, select, fill } = await setup();
  fill();
  await expect(select()).rejects.toMatchObject({ code: 'storage-full' });
  expect([...held]).toEqual([]);
  await select();
  expect(await store.row('asked')).toMatchObject({ status: 'queued', keeping: 'memory' });
});

it('one that could not be noted at its first time holds nothing either', async () => {
  const { keeper, held, fill } = await setup();
  fill();
  await expect(keeper.take(rowOf('new'), new Blob(['content']), never)).rejects.toMatchObject({ code: 'storage-full' });
  expect([...held]).toEqual([]);
});

it('one that is selected again and again is taken once, and keeps no other waiting', { timeout: 3_000 }, async () => {
  const { store, keeper, select } = await setup();
  const [first, ...others] = [select(), select(), select()];
  await first;
  await store.update('asked', (row) => ({ ...row, status: 'paused' }));
  await keeper.take(rowOf('other'), new Blob(['content']), never);
  expect(await store.row('other')).toMatchObject({ keeping: 'memory' });
  keeper.letGo('asked');
  await Promise.all(others);
  expect((await store.row('asked'))?.status).toBe('paused');
});
