/** Reading incoming bytes back, in steps of 1 MiB with bounded memory. */
import { crc32 } from '@node-rs/crc32';
import { HoldfastError } from '../../core/errors.ts';
import type { Range } from '../../core/extents.ts';
import type { FileIo } from './file-io.ts';
import type { UploadFile } from './upload-file.ts';

const stepBytes = 1024 * 1024;
/** Buffers that wait for their next use; a fresh one costs 256 page faults. */
const spareBuffersMax = 4;
const spareBuffers: Buffer[] = [];

export async function withBuffer<T>(work: (buffer: Buffer) => Promise<T>): Promise<T> {
  const buffer = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(stepBytes);
  try {
    return await work(buffer);
  } finally {
    if (spareBuffers.length < spareBuffersMax) spareBuffers.push(buffer);
  }
}

/** Reads some bytes of a file from a position; resolves to how many, 0 at its end. */
export type ReadAt = (target: Uint8Array, position: number) => Promise<number>;

export function readerOf({ io, file }: { io: FileIo; file: UploadFile }): ReadAt {
  return (target, position) => file.use((fd) => io.read(fd, target, position));
}

/** Fills `target` from `position`; resolves to whether the file had that much. */
export async function readFully(read: ReadAt, target: Uint8Array, position: number): Promise<boolean> {
  let filled = 0;
  while (filled < target.byteLength) {
    const taken = await read(target.subarray(filled), position + filled);
    if (taken === 0) return false;
    filled += taken;
  }
  return true;
}

/** Calls back with the stored bytes of the range, in order; the bytes are valid until the callback returns. False when the file is short. */
export async function eachStored(
  from: { io: FileIo; file: UploadFile },
  range: Range,
  take: (bytes: Uint8Array) => void,
): Promise<boolean> {
  return withBuffer(async (buffer) => {
    for (let at = range.start; at < range.end; at += stepBytes) {
      const bytes = buffer.subarray(0, Math.min(stepBytes, range.end - at));
      if (!(await readFully(readerOf(from), bytes, at))) return false;
      take(bytes);
    }
    return true;
  });
}

/** Rejects with `storage-damaged` when the file is short. */
export async function firstBytes(from: { io: FileIo; file: UploadFile }, length: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(length);
  if (await readFully(readerOf(from), bytes, 0)) return bytes;
  throw new HoldfastError('storage-damaged', 'The stored file is shorter than recorded');
}

/** CRC-32 of the stored range; null when the file is short. */
export async function storedChecksum(from: { io: FileIo; file: UploadFile }, range: Range): Promise<number | null> {
  let crc = 0;
  const whole = await eachStored(from, range, (bytes) => {
    crc = crc32(bytes, crc);
  });
  return whole ? crc : null;
}
