/**
 * Who may do what, over all tabs: one leads; and each content that is only in a tab is held by it. A lock ends with its tab, also
 * when that crashes. Without Web Locks (Chrome 69, Firefox 96, Safari 15.4 have them): a lease in the store for the leader, and the record of a held
 * content is touched: it counts as let go when that has not happened for a while.
 */
import type { Runtime } from '../runtime.ts';
import { sleep } from '../sleep.ts';
import { isOver, type UploadRow } from './queue-row.ts';
import type { SwitchedStorage } from './storage-switch.ts';

export interface TabLocks {
  /**
   * Resolves when this tab leads; it does until the signal aborts, or until `onLost` is called: another one does, because this one slept for too long.
   * Rejects with the signal's reason when it never did.
   */
  lead(signal: AbortSignal, onLost: () => void): Promise<void>;
  /** Resolves when nobody else holds the content of an upload; it is held until the returned function is called. */
  hold(uploadId: string, signal: AbortSignal): Promise<() => void>;
}

export interface TabLocksOptions {
  /** Of database and owner. */
  readonly scope: string;
  readonly storage: SwitchedStorage;
  readonly runtime: Runtime;
  /** Of this tab. */
  readonly tabId: string;
}

const leaseMs = 6_000;
const renewMs = 2_000;
const untouchedMs = 15_000;
const touchMs = 3_000;

export function tabLocks(options: TabLocksOptions): TabLocks {
  return globalThis.navigator?.locks === undefined ? leasedLocks(options) : webLocks(options.scope);
}

function webLocks(scope: string): TabLocks {
  const take = (name: string, signal: AbortSignal) =>
    new Promise<() => void>((resolve, reject) => {
      navigator.locks
        .request(`${scope}:${name}`, { signal }, () => new Promise<void>((release) => resolve(release)))
        .catch(reject);
    });
  return {
    lead: async (signal) => {
      const release = await take('leader', signal);
      signal.addEventListener('abort', release, { once: true });
      if (signal.aborted) release();
    },
    hold: (uploadId, signal) => take(`content:${uploadId}`, signal),
  };
}

function leasedLocks({ scope, storage, runtime, tabId }: TabLocksOptions): TabLocks {
  const claim = () => {
    const now = runtime.now();
    return storage.use((store) => store.lease(scope, { holder: tabId, now, until: now + leaseMs }));
  };
  const renew = async (signal: AbortSignal) => {
    for (let ours = true; ours; ) {
      await sleep(runtime, renewMs, signal);
      // A store that cannot be asked now says nothing about who leads.
      ours = await claim().catch(() => true);
    }
  };
  const touch = async (uploadId: string, released: AbortSignal) => {
    for (;;) {
      await sleep(runtime, touchMs, released);
      const touched = (row: UploadRow) => (isOver(row.status) ? null : { ...row, updatedAt: runtime.now() });
      // One that fails is made up for by the next.
      await storage.use((store) => store.update(uploadId, touched)).catch(() => {});
    }
  };
  return {
    lead: async (signal, onLost) => {
      while (!(await claim().catch(() => false))) await sleep(runtime, renewMs, signal);
      // Ends with the signal; a lease that is not renewed any more ends by itself.
      renew(signal).then(onLost, () => {});
    },
    hold: async (uploadId, signal) => {
      for (;;) {
        const row = await storage.use((store) => store.row(uploadId));
        // A record that does not exist yet is ours to write.
        if (row === undefined || row.updatedAt + untouchedMs < runtime.now()) break;
        await sleep(runtime, renewMs, signal);
      }
      const released = new AbortController();
      touch(uploadId, released.signal).catch(() => {});
      return () => released.abort();
    },
  };
}
