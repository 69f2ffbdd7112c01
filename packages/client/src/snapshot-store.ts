/** Gathers changes: listeners hear of them at once, but at most 10 times a second. */
import type { Runtime } from './runtime.ts';

/** Between two commits, unless one is flushed. */
const commitMsMin = 100;

export class SnapshotStore<T> {
  readonly #runtime: Runtime;
  readonly #compose: () => T;
  readonly #listeners = new Set<() => void>();
  #value: T;
  #committedAt: number;
  #cancel: (() => void) | null = null;

  constructor(runtime: Runtime, compose: () => T) {
    this.#runtime = runtime;
    this.#compose = compose;
    this.#value = compose();
    this.#committedAt = runtime.now();
  }

  /** As last committed: the same value until the next commit. */
  get value(): T {
    return this.#value;
  }

  /** Something changed; committed soon. */
  touch(): void {
    if (this.#cancel !== null) return;
    const wait = this.#committedAt + commitMsMin - this.#runtime.now();
    // More than that is a clock that was set back: it must not stop what is shown.
    if (wait <= 0 || wait > commitMsMin) this.flush();
    else this.#cancel = this.#runtime.after(wait, () => this.flush());
  }

  /** Commits now: for what must not be seen late. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#committedAt = this.#runtime.now();
    this.#value = this.#compose();
    for (const listener of [...this.#listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
