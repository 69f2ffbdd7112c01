/** The status of an upload, computed from what is stored. */
import { coveredBytes, type ExtentSet, extentsOf, missingRanges } from '../core/extents.ts';
import { chunkCount, missingChunks } from '../core/grid.ts';
import { bytesPerSecond, etaSeconds, fraction } from '../core/progress.ts';
import type { Extent, Millis, Upload } from '../core/upload.ts';

export interface UploadView {
  readonly upload: Upload;
  readonly totalChunks: number;
  /** Chunks stored whole. */
  readonly receivedChunks: number;
  /** 0 … 1. */
  readonly progress: number;
  /** At most `rangesMax` ranges. */
  readonly missing: ExtentSet;
  /** At most `chunksMax` indexes, in order. */
  readonly missingChunks: readonly number[];
  readonly missingTruncated: boolean;
  readonly bytesPerSecond: number | null;
  readonly etaSeconds: number | null;
  /** Bytes in the digest by now, while this node takes it; null otherwise. */
  readonly hashedBytes: number | null;
}

const rangesMax = 1_000;
const chunksMax = 10_000;

export function viewOf(upload: Upload, extents: readonly Extent[], now: Millis): UploadView {
  // Of a length that is told later nothing is known to be missing.
  const size = upload.size ?? upload.receivedBytes;
  const grid = { size, chunkSize: upload.chunkSize };
  const completed = upload.phase.name === 'completed';
  // A final upload has no extents of its own.
  const stored =
    completed || upload.concatenation.role === 'final'
      ? extentsOf([{ start: 0, end: completed ? size : upload.receivedBytes }])
      : extentsOf(extents.map((e) => ({ start: e.offset, end: e.offset + e.length })));
  const gaps = missingRanges(stored, size);
  const absent = missingChunks(grid, stored, Number.POSITIVE_INFINITY);
  const live = upload.phase.name === 'receiving';
  const speed = live ? bytesPerSecond(extents, now) : null;
  return {
    upload,
    totalChunks: chunkCount(grid),
    receivedChunks: chunkCount(grid) - absent.length,
    progress: fraction(completed ? size : coveredBytes(stored), upload.size),
    missing: gaps.slice(0, rangesMax),
    missingChunks: absent.slice(0, chunksMax),
    missingTruncated: gaps.length > rangesMax || absent.length > chunksMax,
    bytesPerSecond: speed,
    etaSeconds: live && upload.size !== null ? etaSeconds(size - coveredBytes(stored), speed) : null,
    hashedBytes: null,
  };
}
