import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addRange,
  contiguousPrefix,
  coveredBytes,
  type ExtentSet,
  emptyExtents,
  extentsOf,
  missingRanges,
  type Range,
} from './extents.ts';
import { chunkCount, chunkRange, missingChunks, storedChunkCount } from './grid.ts';

const size = 64;
const range = fc
  .tuple(fc.nat(size), fc.nat(size))
  .map(([a, b]): Range => ({ start: Math.min(a, b), end: Math.max(a, b) }));

/** The model: one boolean a byte. */
function bytesOf(ranges: readonly Range[]): boolean[] {
  return Array.from({ length: size }, (_, at) => ranges.some((r) => r.start <= at && at < r.end));
}

test('an extent set holds exactly the bytes that were added, sorted, disjoint and not touching', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), (ranges) => {
      const set = ranges.reduce<ExtentSet>(addRange, emptyExtents);
      const model = bytesOf(ranges);
      expect(bytesOf(set)).toEqual(model);
      expect(extentsOf(ranges)).toEqual(set);
      for (const [i, r] of set.entries()) expect(r.start).toBeGreaterThan(set[i - 1]?.end ?? -1);
      expect(coveredBytes(set)).toBe(model.filter(Boolean).length);
      const firstGap = model.indexOf(false);
      expect(contiguousPrefix(set)).toBe(firstGap === -1 ? size : firstGap);
      expect(bytesOf(missingRanges(set, size))).toEqual(model.map((stored) => !stored));
    }),
  );
});

test('the grid covers the file without gaps or overlaps, and lists what is missing', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.integer({ min: 1, max: 70 }), fc.array(fc.nat(300)), (fileSize, chunkSize, indexes) => {
      const grid = { size: fileSize, chunkSize };
      const count = chunkCount(grid);
      const all = Array.from({ length: count }, (_, i) => chunkRange(grid, i));
      expect(all.reduce((sum, r) => sum + ((r?.end ?? 0) - (r?.start ?? 0)), 0)).toBe(fileSize);
      for (const [i, r] of all.entries()) expect(r?.start).toBe(i * chunkSize);
      const stored = [...new Set(indexes.filter((i) => i < count))];
      const set = extentsOf(stored.map((i) => chunkRange(grid, i) ?? { start: 0, end: 0 }));
      const absent = all.map((_, i) => i).filter((i) => !stored.includes(i));
      expect(missingChunks(grid, set, Number.POSITIVE_INFINITY)).toEqual(absent);
      expect(missingChunks(grid, set, 3)).toEqual(absent.slice(0, 3));
      expect(storedChunkCount(grid, set)).toBe(count - absent.length);
    }),
  );
});

test.each([-1, 0.5, Number.NaN, 4, Number.POSITIVE_INFINITY])('chunk %s of a grid of 4 does not exist', (index) => {
  expect(chunkRange({ size: 16, chunkSize: 4 }, index)).toBeNull();
});

test('an empty file has no chunks', () => {
  expect(chunkCount({ size: 0, chunkSize: 8 })).toBe(0);
  expect(chunkRange({ size: 0, chunkSize: 8 }, 0)).toBeNull();
});

test.each([
  { start: -1, end: 2 },
  { start: 3, end: 2 },
  { start: 0.5, end: 2 },
])('a range that is none is a programmer error: %o', (bad) => {
  expect(() => addRange(emptyExtents, bad)).toThrow(/Invariant/);
});
