/** The fixed grid of an upload: chunk *i* covers `[i × chunkSize, min((i+1) × chunkSize, size))`. Indexes are 0-based. */
import type { ExtentSet, Range } from './extents.ts';
import { missingRanges } from './extents.ts';

export interface Grid {
  /** Bytes in the whole file. */
  readonly size: number;
  /** Bytes in every chunk but the last. */
  readonly chunkSize: number;
}

/** Chunks in the file; 0 for an empty file. */
export function chunkCount(grid: Grid): number {
  return Math.ceil(grid.size / grid.chunkSize);
}

/** The bytes of chunk `index`, or null when the grid has no such chunk. */
export function chunkRange(grid: Grid, index: number): Range | null {
  if (!Number.isSafeInteger(index) || index < 0 || index >= chunkCount(grid)) return null;
  const start = index * grid.chunkSize;
  return { start, end: Math.min(start + grid.chunkSize, grid.size) };
}

/** Indexes of chunks that are not stored whole, at most `limit` of them, in order. */
export function missingChunks(grid: Grid, stored: ExtentSet, limit: number): number[] {
  const out: number[] = [];
  for (const gap of missingRanges(stored, grid.size)) {
    const last = Math.ceil(gap.end / grid.chunkSize);
    for (let i = Math.floor(gap.start / grid.chunkSize); i < last; i += 1) {
      if (out.at(-1) === i) continue;
      if (out.length === limit) return out;
      out.push(i);
    }
  }
  return out;
}

/** Chunks that are stored whole. */
export function storedChunkCount(grid: Grid, stored: ExtentSet): number {
  return chunkCount(grid) - missingChunks(grid, stored, Number.POSITIVE_INFINITY).length;
}
