/** A client that a component made for itself: its worker ends when nobody holds it any more and its uploads are at rest. */
import { ManagedUpload } from '../upload.ts';
import type { UploadClient } from '../upload-client.ts';
import type { UploadHandle } from '../upload-handle.ts';

export interface OwnedClient {
  readonly client: UploadClient;
  /** Until the returned function is called. */
  hold(): () => void;
}

export function ownedClient(client: UploadClient): OwnedClient {
  let holders = 0;
  /** Those that may still have something to send or to tell. */
  const handles = new Set<UploadHandle>();
  const isFree = () => holders === 0 && ![...handles].some(isBusy);
  const closeIfFree = async () => {
    if (!isFree()) return;
    // A handle says that it is cancelled a moment before it begins to tell the server.
    await Promise.resolve();
    if (!isFree()) return;
    // At rest, this only waits for what the server is still being told.
    await Promise.all([...handles].map((handle) => handle.pause()));
    if (isFree()) client.close();
  };
  const watch = (handle: UploadHandle) => {
    handles.add(handle);
    const unsubscribe = handle.subscribe(() => {
      if (isBusy(handle)) return;
      if (handle.snapshot.state === 'completed') {
        handles.delete(handle);
        unsubscribe();
      }
      void closeIfFree();
    });
    return handle;
  };
  return {
    client: { ...client, add: (source, options) => watch(client.add(source, options)) },
    hold() {
      holders += 1;
      return () => {
        holders -= 1;
        // StrictMode lets go and takes hold again at once.
        queueMicrotask(() => void closeIfFree());
      };
    },
  };
}

function isBusy(handle: UploadHandle): boolean {
  // What somebody else paused goes on when they resume it.
  if (handle instanceof ManagedUpload && handle.isAtWork) return true;
  return !['completed', 'cancelled', 'failed', 'paused'].includes(handle.snapshot.state);
}
