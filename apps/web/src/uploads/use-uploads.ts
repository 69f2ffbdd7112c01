import type { UploadHandle, UploadSnapshot } from '@holdfast/client';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { useServices } from '../app/services.tsx';
import { useEventStream } from '../events/use-event-stream.ts';
import { useResource } from '../state/resource.ts';
import { useWatchable } from '../state/store.ts';
import { type Unfinished, unfinishedUploads } from './unfinished.ts';
import type { UploadDesk } from './upload-desk.ts';

/** The uploads of this page, in the order in which they were picked. */
export function useUploads(): { handles: readonly UploadHandle[]; desk: UploadDesk } {
  const { uploads } = useServices();
  return { handles: useWatchable(uploads.handles), desk: uploads };
}

export function useUpload(handle: UploadHandle): UploadSnapshot {
  return useSyncExternalStore(
    (listener) => handle.subscribe(listener),
    () => handle.snapshot,
  );
}

const tickMs = 10_000;

/** What the server has of uploads that nobody here is sending. */
export function useUnfinished(): { items: readonly Unfinished[]; reload: () => void } {
  const { api, uploads } = useServices();
  const [loaded, reload] = useResource('unfinished', () => api.unfinishedUploads());
  const handles = useWatchable(uploads.handles);
  const connection = useEventStream((event) => {
    const own = handles.some((handle) => handle.snapshot.uploadId === event.subjectId);
    if (event.subject === 'upload' && !(own && event.type === 'progress')) reload();
  });
  useEffect(() => {
    if (connection === 'open') reload();
  }, [connection, reload]);
  const now = useNow(tickMs);
  const items = unfinishedUploads(loaded.state === 'ready' ? loaded.value : [], {
    here: handles.map((handle) => handle.snapshot),
    isOwn: (id) => uploads.isOwn(id),
    isGone: (id) => uploads.isGone(id),
    now,
  });
  return { items, reload };
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
