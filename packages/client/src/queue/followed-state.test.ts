/** C14: tabs that follow show what there is, also when they missed how it came to that. */
import { expect, it } from 'vitest';
import { defaultRuntime } from '../runtime.ts';
import { composeItem } from './compose-item.ts';
import { showFollowed } from './followed-state.ts';
import { createMemoryStore } from './memory-store.ts';
import { newRow } from './new-upload.ts';
import { noMetrics, QueueView } from './queue-view.ts';
import { StateSender } from './state-sender.ts';
import type { TabMessage } from './tab-channel.ts';

const rowOf = (id: string) =>
  newRow({ id, blob: new Blob(['x']), file: null, metadata: {}, options: {}, now: 1 }, { endpoint: '' });
const itemOf = (id: string) => composeItem(rowOf(id));
const whole = { kind: 'state', whole: true, items: [], removed: [], metrics: noMetrics } as const;

async function shownAfter(state: Extract<TabMessage, { kind: 'state' }>): Promise<string[]> {
  const store = createMemoryStore([rowOf('added here')]);
  const view = new QueueView(defaultRuntime());
  view.put(itemOf('added here'));
  view.put(itemOf('removed there'));
  view.put({ ...itemOf('recorded there'), status: 'recording' });
  view.put({ ...itemOf('sent there'), status: 'uploading' });
  view.put({ ...itemOf('prepared here'), status: 'preparing' });
  const storage = { use: async <T>(work: (it: typeof store) => Promise<T>) => work(store), close: () => {} };
  await showFollowed(state, { view, storage, shown: () => {}, gone: (id) => view.drop(id) });
  return [...view.items].map(({ id }) => id);
}

it('what waited and was removed meanwhile goes; what is being added here stays', async () => {
  expect(await shownAfter(whole)).toEqual(['added here', 'prepared here']);
  const known = { ...whole, items: [itemOf('removed there')] };
  expect(await shownAfter(known)).toEqual(['added here', 'removed there', 'prepared here']);
  expect(await shownAfter({ ...whole, whole: false, removed: ['sent there'] })).toHaveLength(4);
});

it('a removal is told also where somebody needs everything at the same moment', () => {
  const posted: TabMessage[] = [];
  let send = () => {};
  const sender = new StateSender({
    channel: { post: (message) => posted.push(message), close: () => {} },
    runtime: {
      ...defaultRuntime(),
      after: (_ms, callback) => {
        send = callback;
        return () => {};
      },
    },
    item: () => undefined,
    items: () => [],
    metrics: () => noMetrics,
  });
  sender.changed('removed');
  sender.everything();
  send();
  expect(posted).toMatchObject([{ whole: true, removed: ['removed'] }]);
});
