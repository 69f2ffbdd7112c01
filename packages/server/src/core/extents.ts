/**
 * Runs of bytes that are stored. An extent set is a sorted list of disjoint, non-adjacent ranges; ranges are half-open
 * `[start, end)` in bytes. All functions are pure and return new arrays.
 */
import { invariant } from './errors.ts';

export interface Range {
  readonly start: number;
  readonly end: number;
}
export type ExtentSet = readonly Range[];

export const emptyExtents: ExtentSet = [];

/** The set with `range` added; overlapping and touching ranges become one. O(n), with a fast path for the end. */
export function addRange(set: ExtentSet, range: Range): ExtentSet {
  invariant(Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end), 'range in whole bytes');
  invariant(range.start >= 0 && range.end >= range.start, 'range runs forward');
  if (range.start === range.end) return set;
  const before = set.filter((r) => r.end < range.start);
  const after = set.filter((r) => r.start > range.end);
  const touched = set.filter((r) => r.end >= range.start && r.start <= range.end);
  const start = Math.min(range.start, touched[0]?.start ?? range.start);
  const end = Math.max(range.end, touched.at(-1)?.end ?? range.end);
  return [...before, { start, end }, ...after];
}

export function extentsOf(ranges: Iterable<Range>): ExtentSet {
  const sorted = [...ranges].filter((r) => r.end > r.start).sort((a, b) => a.start - b.start);
  const out: Range[] = [];
  for (const range of sorted) {
    const last = out.at(-1);
    if (last && range.start <= last.end)
      out[out.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    else out.push(range);
  }
  return out;
}

/** Bytes in the set. */
export function coveredBytes(set: ExtentSet): number {
  return set.reduce((sum, r) => sum + (r.end - r.start), 0);
}

/** The end of the run that starts at byte 0; 0 if byte 0 is not stored. */
export function contiguousPrefix(set: ExtentSet): number {
  const first = set[0];
  return first !== undefined && first.start === 0 ? first.end : 0;
}

/** What is not stored of `[0, size)`. */
export function missingRanges(set: ExtentSet, size: number): ExtentSet {
  const out: Range[] = [];
  let at = 0;
  for (const r of set) {
    if (r.start >= size) break;
    if (r.start > at) out.push({ start: at, end: r.start });
    at = Math.max(at, r.end);
  }
  if (at < size) out.push({ start: at, end: size });
  return out;
}
