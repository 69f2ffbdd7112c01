import type { QueueSnapshot } from '../queue/queue-snapshot.ts';
import type { UploadQueue } from '../queue/upload-queue.ts';
import { useUploadScope } from './upload-provider.tsx';
import { type Equality, useWatchable } from './use-watchable.ts';

const same = <T>(value: T): T => value;
/** What people wait to see: which uploads there are, and what each is doing. */
const statuses = ({ items }: QueueSnapshot) => items.map(({ id, status }) => `${id} ${status}`).join();

/** The queue of the provider with what it shows now. */
export function useUploadQueue(): { readonly queue: UploadQueue } & QueueSnapshot;
/** Only a part of what it shows, e.g. one item: drawn again only when that changed. */
export function useUploadQueue<S>(selector: (snapshot: QueueSnapshot) => S, isEqual?: Equality<S>): S;
export function useUploadQueue<S>(selector?: (snapshot: QueueSnapshot) => S, isEqual?: Equality<S>): unknown {
  const queue = useUploadScope()?.queue;
  if (!queue) throw new Error('useUploadQueue needs an <UploadProvider queue={…}> above it.');
  const selected = useWatchable<QueueSnapshot, unknown>(queue, {
    selector: selector ?? same,
    isEqual: isEqual as Equality<unknown> | undefined,
    urgencyOf: statuses,
  });
  return selector === undefined ? { queue, ...(selected as QueueSnapshot) } : selected;
}
