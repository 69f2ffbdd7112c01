import type { QueueItem, QueueSnapshot } from '@holdfast/client/queue';
import { useEffect, useState } from 'react';
import { useServices } from '../app/services.tsx';
import type { Connection } from '../events/event-stream.ts';
import { useEventStream } from '../events/use-event-stream.ts';
import { useResource } from '../state/resource.ts';
import { useWatchable } from '../state/store.ts';
import { listedUploads } from './listed.ts';
import { type Unfinished, unfinishedUploads } from './unfinished.ts';

/** The uploads that the page lists, and what is told of the queue as a whole. */
export function useUploads(): { items: readonly QueueItem[]; queue: QueueSnapshot | null } {
  const { uploads } = useServices();
  const queue = useWatchable(uploads.queue);
  return { items: listedUploads(queue?.items ?? [], uploads.openedAt), queue };
}

/** Opens the queue of whoever is signed in: at once of who it was the last time, and of who it is when the server has said so. */
export function useOwnQueue(connection: Connection): void {
  const { api, session, uploads } = useServices();
  const [who, ask] = useResource('session', () => api.session());
  useEffect(() => {
    if (connection === 'open') ask();
  }, [connection, ask]);
  const owner = who.state === 'ready' ? who.value.principal : session.lastOwner();
  useEffect(() => {
    if (owner === null) return;
    session.belongsTo(owner);
    return uploads.open(owner);
  }, [owner, session, uploads]);
}

const tickMs = 10_000;

/** What the server has of uploads that this browser does not send. */
export function useUnfinished(): { items: readonly Unfinished[]; reload: () => void } {
  const { api, uploads } = useServices();
  const [loaded, reload] = useResource('unfinished', () => api.unfinishedUploads());
  const queue = useWatchable(uploads.queue);
  const here = queue?.items ?? [];
  const connection = useEventStream((event) => {
    const own = here.some((item) => item.uploadId === event.subjectId);
    if (event.subject === 'upload' && !(own && event.type === 'progress')) reload();
  });
  useEffect(() => {
    if (connection === 'open') reload();
  }, [connection, reload]);
  const now = useNow(tickMs);
  // Before the queue was read everything would be somebody else's.
  const known = loaded.state === 'ready' && queue !== null ? loaded.value : [];
  return { items: unfinishedUploads(known, { here, isGone: (id) => uploads.isGone(id), now }), reload };
}

/** The time, anew every so often. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
