/** What the tab that leads tells, as a tab that follows shows it. */
import type { QueueItem } from './queue-item.ts';
import type { QueueView } from './queue-view.ts';
import type { SwitchedStorage } from './storage-switch.ts';
import type { TabMessage } from './tab-channel.ts';

export interface FollowedOptions {
  readonly view: QueueView;
  readonly storage: SwitchedStorage;
  readonly shown: (item: QueueItem) => void;
  readonly gone: (id: string) => void;
}

export async function showFollowed(
  state: Extract<TabMessage, { kind: 'state' }>,
  { view, storage, shown, gone }: FollowedOptions,
): Promise<void> {
  for (const item of state.items) {
    view.put(item);
    shown(item);
  }
  for (const id of state.removed) gone(id);
  view.setMetrics(state.metrics);
  if (!state.whole) return;
  const known = new Set(state.items.map((item) => item.id));
  for (const { id, status } of [...view.items]) {
    if (known.has(id) || status === 'preparing') continue;
    // One that is being added here may not be known there yet: then it has a record.
    const isNew = status === 'queued' || status === 'recording';
    if (!isNew || (await storage.use((store) => store.row(id))) === undefined) gone(id);
  }
}
