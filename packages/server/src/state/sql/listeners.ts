/** Callbacks that are told that something happened, and nothing else. */
export class Listeners {
  readonly #listeners = new Set<() => void>();

  get size(): number {
    return this.#listeners.size;
  }

  /** The returned function removes it again. The same function added twice is called twice. */
  add(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  call(): void {
    // In a microtask of its own each: a listener that throws must neither hold up a commit nor keep the others from being called.
    for (const listener of [...this.#listeners]) queueMicrotask(listener);
  }
}
