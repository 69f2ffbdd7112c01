import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { Watchable } from '../watchable.ts';
import { watchInFrames } from './frame-batch.ts';

export type Equality<T> = (before: T, now: T) => boolean;

export interface Watching<T, S> {
  /** What the component wants of it; it is drawn again only when that changed. */
  readonly selector: (value: T) => S;
  /** Default: the same, or objects and arrays whose members are the same. */
  readonly isEqual?: Equality<S> | undefined;
  /** A value of it whose change is shown in the next frame instead of within 100 ms. */
  readonly urgencyOf?: (value: T) => unknown;
}

const nothing = () => undefined;

/** The selected part of a thing that changes, as React wants to hear of it. */
export function useWatchable<T, S>(source: Watchable<T>, { selector, isEqual, urgencyOf }: Watching<T, S>): S {
  const equal: Equality<S> = isEqual ?? shallowEqual;
  const committed = useRef<{ readonly value: S } | null>(null);
  const getSelection = useMemo(() => {
    let last: { readonly of: T; readonly value: S } | null = null;
    return () => {
      const now = source.snapshot;
      if (last !== null && Object.is(last.of, now)) return last.value;
      const selected = selector(now);
      const before = last ?? committed.current;
      last = { of: now, value: before !== null && equal(before.value, selected) ? before.value : selected };
      return last.value;
    };
  }, [source, selector, equal]);
  const urgency = urgencyOf ?? nothing;
  const subscribe = useCallback((listener: () => void) => watchInFrames(source, urgency, listener), [source, urgency]);
  const value = useSyncExternalStore(subscribe, getSelection, getSelection);
  useEffect(() => {
    committed.current = { value };
  }, [value]);
  return value;
}

function shallowEqual<T>(before: T, now: T): boolean {
  if (Object.is(before, now)) return true;
  if (!isPlain(before) || !isPlain(now)) return false;
  const [ours, theirs] = [Object.entries(before), Object.entries(now)];
  return ours.length === theirs.length && ours.every(([key, value]) => Object.is(value, Reflect.get(now, key)));
}

/** Blobs and errors have no members of their own to compare: they would all be equal. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
