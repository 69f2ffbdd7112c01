/**
 * Something that is loaded from the server and loaded again when an event says that it changed. While it is loaded again the
 * old value stays on the screen; an error after a value leaves the value there, unless the server says that there is no such thing (any more).
 */
import { useEffect, useMemo } from 'react';
import { type ApiError, isApiError } from '../api/api-error.ts';
import { useServices } from '../app/services.tsx';
import { createStore, useWatchable, type Watchable } from './store.ts';

export type Loaded<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'ready'; readonly value: T }
  | { readonly state: 'failed'; readonly error: ApiError };

/** For what is looked at again and again: a failure is then a result like others, and takes the place of an earlier one. */
export async function loadedOf<T>(loading: Promise<T>): Promise<Loaded<T>> {
  try {
    return { state: 'ready', value: await loading };
  } catch (error) {
    if (!isApiError(error)) throw error;
    return { state: 'failed', error };
  }
}

export interface Resource<T> extends Watchable<Loaded<T>> {
  /** Loads again; calls during a load make one more, and loads are at least `intervalMs` apart. */
  reload(): void;
  /** Loads again what could not be had. */
  retry(): void;
  /** Loads for the first time. Returns the function that stops it; it can be started again. */
  start(): () => void;
}

export interface ResourceOptions {
  readonly intervalMs: number;
  setTimer(run: () => void, ms: number): () => void;
  /** An error that is not from the API is a mistake of ours: it goes to the console, and is not shown as the server's. */
  report(error: unknown): void;
}

export function createResource<T>(load: () => Promise<T>, options: ResourceOptions): Resource<T> {
  const store = createStore<Loaded<T>>({ state: 'loading' });
  // Rises with every start: an answer to a load of an earlier life is thrown away.
  let life = 0;
  let started = false;
  let busy = false;
  let again = false;
  let cancelTimer: (() => void) | null = null;

  const failed = (error: unknown): Loaded<T> | null => {
    if (isApiError(error)) return { state: 'failed', error };
    options.report(error);
    return null;
  };

  const run = async (current: number) => {
    cancelTimer = null;
    busy = true;
    again = false;
    const result = await load().then<Loaded<T>, Loaded<T> | null>((value) => ({ state: 'ready', value }), failed);
    if (current !== life) return;
    const keeps = store.getSnapshot().state === 'ready' && result?.state === 'failed' && !isGone(result.error);
    if (result && !keeps) store.set(result);
    cancelTimer = options.setTimer(() => {
      busy = false;
      cancelTimer = null;
      if (again) void run(current);
    }, options.intervalMs);
  };

  const reload = () => {
    if (busy) again = true;
    else if (started) void run(life);
  };

  return {
    ...store,
    reload,
    retry() {
      if (store.getSnapshot().state === 'failed') reload();
    },
    start() {
      life += 1;
      const current = life;
      started = true;
      void run(current);
      return () => {
        if (current !== life) return;
        life += 1;
        started = false;
        cancelTimer?.();
        busy = false;
      };
    },
  };
}

/** By the server's own word: a proxy whose server is being replaced answers 404, too. */
function isGone({ kind, code }: ApiError): boolean {
  return kind === 'not-found' && code !== '';
}

/** `load` belongs to `key`: another key is another thing and starts empty. What could not be had is asked for again when the server is back. */
export function useResource<T>(key: string, load: () => Promise<T>): [Loaded<T>, () => void] {
  // biome-ignore lint/correctness/useExhaustiveDependencies: `load` is a new closure in every render; `key` says when it means something else.
  const resource = useMemo(
    () => createResource(load, { intervalMs: 700, setTimer, report: (error) => reportError(error) }),
    [key],
  );
  useEffect(() => resource.start(), [resource]);
  const connection = useWatchable(useServices().events.connection);
  useEffect(() => {
    if (connection === 'open') resource.retry();
  }, [connection, resource]);
  return [useWatchable(resource), resource.reload];
}

export function setTimer(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
