/** A value that components can watch: the least that `useSyncExternalStore` needs. */
import { useSyncExternalStore } from 'react';

export interface Watchable<T> {
  /** The same reference until something changed. */
  getSnapshot(): T;
  /** Returns the function that stops it. */
  subscribe(listener: () => void): () => void;
}

export interface Store<T> extends Watchable<T> {
  set(next: T): void;
  update(change: (current: T) => T): void;
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  const set = (next: T) => {
    if (Object.is(next, value)) return;
    value = next;
    for (const listener of [...listeners]) listener();
  };
  return {
    getSnapshot: () => value,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set,
    update: (change) => set(change(value)),
  };
}

export function useWatchable<T>(source: Watchable<T>): T {
  return useSyncExternalStore(source.subscribe, source.getSnapshot);
}
