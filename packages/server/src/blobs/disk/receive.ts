/** The hot path: a request's body into its place in the file. */
import { HoldfastError } from '../../core/errors.ts';
import type { WriteRequest, Written } from '../../core/ports/blob-store.ts';
import type { BodyBatch } from '../../core/ports/body-source.ts';
import type { FileIo } from './file-io.ts';
import { storeError } from './io-errors.ts';
import { RunningDigests } from './running-digests.ts';
import type { UploadFile } from './upload-file.ts';

/** Batches being written at once: one is written while the next arrives. Also how many stay unreleased. */
export const batchesInFlightMax = 2;

export function byteLength(buffers: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.byteLength;
  return bytes;
}

/** What is left of the buffers after their first `bytes`. */
function rest(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  let skip = bytes;
  for (const buffer of buffers) {
    if (skip >= buffer.byteLength) skip -= buffer.byteLength;
    else {
      out.push(skip === 0 ? buffer : buffer.subarray(skip));
      skip = 0;
    }
  }
  return out;
}

/** A file that is written. */
export interface WriteTarget {
  readonly io: FileIo;
  readonly file: UploadFile;
  /** More bytes are in the file. */
  readonly landed?: () => void;
}

/** Writes all the buffers from `position` on, however little each call takes. */
export async function writeAll(
  target: WriteTarget & { readonly mayWrite?: () => boolean },
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let left = byteLength(buffers);
  let pending = buffers;
  let at = position;
  for (;;) {
    // Each call asks for the descriptor anew: between two the file may have been put away, and then nothing may be written to it.
    const taken = await target.file.use((fd) => {
      if (target.mayWrite?.() === false) throw new HoldfastError('lease-lost', 'The right to write ended meanwhile');
      return target.io.writev(fd, pending, at);
    });
    if (taken > 0) {
      target.file.landed(taken);
      target.landed?.();
    }
    if (taken === left) return;
    if (taken <= 0) throw new HoldfastError('unavailable', 'The disk took no bytes');
    left -= taken;
    at += taken;
    pending = rest(pending, taken);
  }
}

/**
 * Receives the body of `request` into the file. Never writes past the request's range: a batch that would is not begun. When this settles
 * no write is under way and every batch was released; what is left of the body is the caller's to abandon.
 */
export async function receive(to: WriteTarget, request: WriteRequest): Promise<Written> {
  const { file } = to;
  const failuresBefore = file.failures;
  const running: Promise<void>[] = [];
  const digests = new RunningDigests(request.digests);
  const target = { ...to, mayWrite: () => request.mayWrite?.() !== false };
  let received = 0;
  try {
    // Another process may have put a copy in its place.
    await file.refresh();
    await file.use((fd) => file.facts(fd));
    for (;;) {
      if (running.length === batchesInFlightMax) await running.shift();
      const batch: BodyBatch | null = await request.body.next();
      if (batch === null) break;
      const bytes = byteLength(batch.buffers);
      if (bytes === 0 || received + bytes > request.length) {
        batch.release();
        if (bytes === 0) continue;
        throw new HoldfastError('body-too-long', 'More bytes were sent than declared', {
          details: { expected: request.length },
        });
      }
      const write = writeAll(target, batch.buffers, request.offset + received).finally(() => batch.release());
      // Its failure is seen where it is awaited; until then it must not count as unhandled.
      write.catch(() => {});
      running.push(write);
      received += bytes;
      for (const buffer of batch.buffers) digests.update(buffer);
    }
    if (received < request.length) {
      throw new HoldfastError('body-too-short', 'The body ended before all declared bytes arrived', {
        details: { expected: request.length, received },
      });
    }
    await Promise.all(running);
    file.written({ start: request.offset, end: request.offset + request.length }, failuresBefore);
    return { crc32: digests.crc32, digests: digests.end() };
  } catch (error) {
    await Promise.allSettled(running);
    throw storeError('writing a chunk', error);
  }
}
