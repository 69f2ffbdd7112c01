/** Content that is in a tab's hands goes with it: waits for its lock, then sees to what is left; holds the lock of what was handed over before. */
import type { Runtime } from '../runtime.ts';
import { sleep } from '../sleep.ts';
import type { TabLocks } from './tab-locks.ts';

export interface ContentWatchOptions {
  readonly locks: TabLocks;
  readonly runtime: Runtime;
  /** The tab that had it is gone: sees to what is left. */
  readonly lookAfter: (id: string) => Promise<void>;
  /** Whether it was handed to us, and is ours to hold. */
  readonly isOurs: (id: string) => boolean;
}

/** The store could not be asked, or has no room. */
const againMs = 5_000;

export class ContentWatch {
  readonly #options: ContentWatchOptions;
  readonly #watched = new Set<string>();
  /** Releases of the locks of content that is ours to hold. */
  readonly #held = new Map<string, () => void>();
  readonly #closed = new AbortController();

  constructor(options: ContentWatchOptions) {
    this.#options = options;
  }

  watch(id: string): void {
    if (this.#watched.has(id)) return;
    this.#watched.add(id);
    this.#wait(id)
      .catch(() => {})
      .finally(() => this.#watched.delete(id));
  }

  /** It is not in the hands of anybody any more. */
  letGo(id: string): void {
    this.#held.get(id)?.();
    this.#held.delete(id);
  }

  close(): void {
    this.#closed.abort();
    for (const id of [...this.#held.keys()]) this.letGo(id);
  }

  async #wait(id: string): Promise<void> {
    const { locks, runtime, lookAfter, isOurs } = this.#options;
    const { signal } = this.#closed;
    for (let seen = false; !seen; ) {
      const release = await locks.hold(id, signal);
      seen = await lookAfter(id).then(
        () => true,
        () => false,
      );
      if (seen && !signal.aborted && isOurs(id)) {
        this.letGo(id);
        this.#held.set(id, release);
        return;
      }
      // Also when the store failed: whoever leads next has to get it.
      release();
      if (!seen) await sleep(runtime, againMs, signal);
    }
  }
}
