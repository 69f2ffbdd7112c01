/** Progress, computed from what is stored, never from what a client claims. */
import type { Extent, Millis, Upload } from './upload.ts';

/** Receipts this long before the last one count for the speed. */
const windowMs = 20_000;
/** After this long without a receipt there is no speed to tell. */
const staleMs = 30_000;

/** 0 … 1; an empty file is complete. */
export function fraction(receivedBytes: number, size: number | null): number {
  if (size === null) return 0;
  return size === 0 ? 1 : receivedBytes / size;
}

/**
 * Bytes per second over the recent receipts, or null when there is not enough to tell. The oldest receipt of the window only
 * marks its start, because its bytes were on their way before.
 */
export function bytesPerSecond(extents: readonly Extent[], now: Millis): number | null {
  const last = extents.reduce((max, e) => Math.max(max, e.receivedAt), 0);
  if (extents.length < 2 || now - last > staleMs) return null;
  const recent = extents.filter((e) => e.receivedAt >= last - windowMs);
  const first = recent.reduce((min, e) => Math.min(min, e.receivedAt), last);
  if (first === last) return null;
  const bytes = recent.reduce((sum, e) => (e.receivedAt > first ? sum + e.length : sum), 0);
  return (bytes * 1000) / (last - first);
}

/** Bytes per second from the creation to the last receipt; null before there is one. */
export function averageBytesPerSecond(upload: Upload): number | null {
  const { receivedBytes, createdAt, lastByteAt } = upload;
  if (lastByteAt === null || lastByteAt <= createdAt) return null;
  return (receivedBytes * 1000) / (lastByteAt - createdAt);
}

export function etaSeconds(missingBytes: number, speed: number | null): number | null {
  if (missingBytes === 0) return 0;
  return speed === null || speed <= 0 ? null : missingBytes / speed;
}
