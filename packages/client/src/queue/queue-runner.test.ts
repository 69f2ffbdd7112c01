/** C14: commands to one upload are obeyed in their order, also when they come at once. */
import { expect, it } from 'vitest';
import type { UploadClient } from '../upload-client.ts';
import { createMemoryStore } from './memory-store.ts';
import { newRow } from './new-upload.ts';
import { QueueRunner } from './queue-runner.ts';
import type { CommandName } from './tab-channel.ts';

async function runnerOfOne() {
  const store = createMemoryStore();
  const wish = { id: 'a', blob: new Blob(['content']), file: null, metadata: {}, options: {}, now: 1 };
  const row = newRow(wish, { endpoint: '' });
  await store.insert(row);
  const runner = new QueueRunner(await store.load(row.owner), {
    ...{ activeMax: 4, endpoint: '', onItem: () => {}, onRemoved: () => {}, onTally: () => {} },
    // Its content is in another tab, which holds its lock: there is nothing to send.
    client: {} as UploadClient,
    locks: { lead: () => new Promise(() => {}), hold: () => new Promise(() => {}) },
    storage: { use: (work) => work(store), close: () => {} },
    runtime: {
      ...{ now: () => 7, random: () => 0.5, isOnline: () => true },
      ...{ after: () => () => {}, onConnectivity: () => () => {} },
    },
  });
  return { store, runner };
}

it.each<[readonly CommandName[], string | undefined]>([
  [['pause', 'resume'], 'queued'],
  [['pause', 'resume', 'pause'], 'paused'],
  [['pause', 'cancel', 'resume'], 'cancelled'],
  [['remove', 'pause', 'resume'], undefined],
])('%j ends in %s', async (commands, status) => {
  const { store, runner } = await runnerOfOne();
  await Promise.all(commands.map((name) => runner.command(name, 'a')));
  expect((await store.row('a'))?.status).toBe(status);
});
