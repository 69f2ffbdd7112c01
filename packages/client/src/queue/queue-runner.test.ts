/** C14: commands to one upload are obeyed in their order, also when they come at once. */
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createUploadClient } from '../create-client.ts';
import { createMemoryStore } from './memory-store.ts';
import { newRow } from './new-upload.ts';
import { QueueRunner, type RunnerOptions } from './queue-runner.ts';
import type { QueueStore } from './queue-store.ts';
import type { CommandName } from './tab-channel.ts';

/** Each write takes a while, and the next one longer; one upload is at work at a time, on a line on which nothing moves. */
async function runnerOf(ids: readonly string[], keeping: 'stored' | 'memory') {
  const { store, load } = await storeOf(ids, keeping);
  return { store, ...(await load()) };
}

async function storeOf(ids: readonly string[], keeping: 'stored' | 'memory') {
  const store = createMemoryStore();
  for (const id of ids) {
    const wish = { id, blob: new Blob(['content']), file: null, metadata: {}, options: {}, now: 1 };
    await store.insert({ ...newRow(wish, { endpoint: '' }), keeping });
  }
  return { store, load: () => runnerOn(store) };
}

async function runnerOn(store: QueueStore, more: Partial<RunnerOptions> = {}) {
  const client = createUploadClient({ endpoint: '', transport: { send: () => new Promise(() => {}) } });
  let begun = 0;
  let writes = 0;
  const runner = new QueueRunner(await store.load('default'), {
    ...{ activeMax: 1, endpoint: '', onItem: () => {}, onRemoved: () => {}, onTally: () => {} },
    client: {
      ...client,
      add: (...wish) => {
        begun += 1;
        return client.add(...wish);
      },
    },
    locks: { lead: () => new Promise(() => {}), hold: () => new Promise(() => {}) },
    storage: {
      use: (work) => {
        writes += 1;
        return setTimeout(writes * 3).then(() => work(store));
      },
      close: () => {},
    },
    runtime: {
      ...{ now: () => 7, random: () => 0.5, isOnline: () => true },
      ...{ after: () => () => {}, onConnectivity: () => () => {} },
    },
    ...more,
  });
  return { runner, begun: () => begun };
}

it.each<[readonly CommandName[], string | undefined]>([
  [['pause', 'resume'], 'queued'],
  [['pause', 'resume', 'pause'], 'paused'],
  [['pause', 'cancel', 'resume'], 'cancelled'],
  [['remove', 'pause', 'resume'], undefined],
])('%j ends in %s', async (commands, status) => {
  // Its content is in another tab, which holds its lock: there is nothing to send.
  const { store, runner } = await runnerOf(['a'], 'memory');
  await Promise.all(commands.map((name) => runner.command(name, 'a')));
  expect((await store.row('a'))?.status).toBe(status);
});

it.each(['pause', 'cancel', 'remove'] as const)('told to %s all of them, it begins none', async (command) => {
  const ids = ['a', 'b', 'c', 'd'];
  const { runner, begun } = await runnerOf(ids, 'stored');
  expect(begun()).toBe(1);
  await Promise.all(ids.map((id) => runner.command(command, id)));
  expect(begun()).toBe(1);
});

it.each(['unauthenticated', 'token-expired', 'http-401', 'headers-failed'])(
  'C17: what failed with %s goes on at the next start: whoever is here now has signed in',
  async (code) => {
    const { store, load } = await storeOf(['a'], 'stored');
    const error = { type: 'server', code, message: '', retryable: true } as const;
    await store.update('a', (row) => ({ ...row, status: 'failed', retries: 3, error }));
    await load();
    await expect.poll(async () => (await store.row('a'))?.status).toBe('queued');
    expect(await store.row('a')).toMatchObject({ retries: 0, error: null });
  },
);

it('content whose tab is gone is looked after again when the store failed, and nobody is kept from it meanwhile', {
  timeout: 3_000,
}, async () => {
  const { store } = await storeOf(['a'], 'memory');
  let failures = 1;
  let held = 0;
  const looked = Promise.withResolvers<() => void>();
  const { runner } = await runnerOn(store, {
    locks: {
      lead: () => new Promise(() => {}),
      hold: async () => {
        held += 1;
        return () => {
          held -= 1;
        };
      },
    },
    storage: {
      use: async (work) => {
        failures -= 1;
        if (failures >= 0) throw new DOMException('No room.', 'QuotaExceededError');
        return await work(store);
      },
      close: () => {},
    },
    runtime: {
      ...{ now: () => 7, random: () => 0.5, isOnline: () => true, onConnectivity: () => () => {} },
      after: (_ms, callback) => {
        looked.resolve(callback);
        return () => {};
      },
    },
  });
  const again = await looked.promise;
  expect(held).toBe(0);
  again();
  await expect.poll(async () => (await store.row('a'))?.status).toBe('failed');
  expect(held).toBe(0);
  await runner.close();
});
