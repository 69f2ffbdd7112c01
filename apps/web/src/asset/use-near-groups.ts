import { type RefObject, useEffect, useRef, useState } from 'react';
import type { Group } from './transcript.ts';

// About two boxes: what is scrolled to is there before it is seen.
const margin = '900px 0px';

/** Which groups are near what the box shows, and how high those were that have been there. */
export function useNearGroups(
  box: RefObject<HTMLElement | null>,
  groups: readonly Group[],
): { near: ReadonlySet<number>; heights: ReadonlyMap<number, number> } {
  const [near, setNear] = useState<ReadonlySet<number>>(() => new Set([0]));
  const heights = useRef(new Map<number, number>());
  // biome-ignore lint/correctness/useExhaustiveDependencies: other groups are other elements.
  useEffect(() => {
    if (box.current === null) return;
    heights.current.clear();
    const observer = new IntersectionObserver(
      (entries) => {
        const places = entries.map((entry) => ({ ...placeOf(entry), near: entry.isIntersecting }));
        for (const { number, height, near: stays } of places)
          if (!stays && height > 0) heights.current.set(number, height);
        setNear((before) => changed(before, places));
      },
      { root: box.current, rootMargin: margin },
    );
    for (const element of box.current.children) observer.observe(element);
    return () => observer.disconnect();
  }, [box, groups]);
  return { near, heights: heights.current };
}

function placeOf(entry: IntersectionObserverEntry): { number: number; height: number } {
  const place = entry.target instanceof HTMLElement ? entry.target.dataset['group'] : undefined;
  return { number: Number(place), height: entry.boundingClientRect.height };
}

function changed(
  before: ReadonlySet<number>,
  places: readonly { readonly number: number; readonly near: boolean }[],
): ReadonlySet<number> {
  const after = new Set(before);
  for (const { number, near } of places) {
    if (near) after.add(number);
    else after.delete(number);
  }
  return after.size === before.size && [...after].every((number) => before.has(number)) ? before : after;
}
