/** Tells listeners about appended events: of this process at once, of other processes by looking every half second while anybody listens. */
import type { Clock } from '../../core/ports/clock.ts';
import type { Engine } from './engine.ts';
import { Listeners } from './listeners.ts';

const pollMs = 500;

export class EventWatch {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #listeners = new Listeners();
  /** Stops polling and hearing of own commits; null while nobody listens. */
  #stop: (() => void) | null = null;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  on(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    this.#stop ??= this.#start();
    return () => {
      remove();
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    this.#stop?.();
    this.#stop = null;
  }

  #start(): () => void {
    const own = this.#engine.onAppend(() => this.#listeners.call());
    let stopped = false;
    let cancelTimer = (): void => {};
    let seen: number | null = null;
    const look = async (): Promise<void> => {
      // A database that is away for a while is not this watcher's to report: whoever reads or writes meets the same error.
      const changes = await this.#engine.foreignChanges().catch(() => seen);
      if (stopped) return;
      // The first look counts as a change: something may have been appended while it was under way.
      if (changes !== seen) this.#listeners.call();
      seen = changes;
      cancelTimer = this.#clock.after(pollMs, () => void look());
    };
    void look();
    return () => {
      stopped = true;
      own();
      cancelTimer();
    };
  }
}
