/** What `useSyncExternalStore` needs of a thing that changes. Upload handles are such things. */
export interface Watchable<T> {
  /** The same reference until something changed. */
  readonly snapshot: T;
  /** Returns the function that ends it. */
  subscribe(listener: () => void): () => void;
}

/** A list of listeners, called in the order in which they came. */
export class Listeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): () => void {
    // A function of its own for each, so that one that is given twice is called twice and taken out once.
    const own = () => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  call(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** A value that can be watched. */
export class Watched<T> implements Watchable<T> {
  readonly #listeners = new Listeners();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get snapshot(): T {
    return this.#value;
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    this.#listeners.call();
  }
}
