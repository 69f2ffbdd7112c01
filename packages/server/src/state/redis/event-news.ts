/**
 * Who wants to hear that events were appended: of this process at once, of others by a message of Redis, which may get lost, and in
 * any case when they arrive in the database of the ledger, which is looked at all the time.
 */
import type { UploadStore } from '../../core/ports/upload-store.ts';
import { Listeners } from '../sql/listeners.ts';

export class EventNews {
  readonly #ledger: Pick<UploadStore, 'onEvents'>;
  readonly #hear: (listener: () => void) => () => void;
  readonly #listeners = new Listeners();
  #stop: (() => void) | null = null;

  /** `hear` starts listening to other processes, and returns what ends it. */
  constructor(ledger: Pick<UploadStore, 'onEvents'>, hear: (listener: () => void) => () => void) {
    this.#ledger = ledger;
    this.#hear = hear;
  }

  on(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    this.#stop ??= this.#start();
    return () => {
      remove();
      if (this.#listeners.size === 0) this.close();
    };
  }

  call(): void {
    this.#listeners.call();
  }

  close(): void {
    this.#stop?.();
    this.#stop = null;
  }

  #start(): () => void {
    const call = (): void => this.#listeners.call();
    const stops = [this.#ledger.onEvents(call), this.#hear(call)];
    return () => {
      for (const stop of stops) stop();
    };
  }
}
