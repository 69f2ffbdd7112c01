/** Reading incoming bytes back, in steps of 1 MiB with bounded memory. */
import { crc32 } from '@node-rs/crc32';
import { HoldfastError } from '../../core/errors.ts';
import type { Range } from '../../core/extents.ts';
import type { BodySource } from '../../core/ports/body-source.ts';
import type { FileIo } from './file-io.ts';
import type { UploadFile } from './upload-file.ts';

const stepBytes = 1024 * 1024;
/** Buffers that wait for their next use; a fresh one costs 256 page faults. */
const spareBuffersMax = 4;
const spareBuffers: Buffer[] = [];

async function withBuffer<T>(work: (buffer: Buffer) => Promise<T>): Promise<T> {
  const buffer = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(stepBytes);
  try {
    return await work(buffer);
  } finally {
    if (spareBuffers.length < spareBuffersMax) spareBuffers.push(buffer);
  }
}

/** Fills `target` from `position`; resolves to whether the file had that much. */
async function readFully(
  from: { io: FileIo; file: UploadFile },
  target: Uint8Array,
  position: number,
): Promise<boolean> {
  let filled = 0;
  while (filled < target.byteLength) {
    const part = target.subarray(filled);
    const taken = await from.file.use((fd) => from.io.read(fd, part, position + filled));
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
      if (!(await readFully(from, bytes, at))) return false;
      take(bytes);
    }
    return true;
  });
}

/** CRC-32 of the stored range; null when the file is short. */
export async function storedChecksum(from: { io: FileIo; file: UploadFile }, range: Range): Promise<number | null> {
  let crc = 0;
  const whole = await eachStored(from, range, (bytes) => {
    crc = crc32(bytes, crc);
  });
  return whole ? crc : null;
}

/** Whether the body is exactly the stored bytes of the range; stops reading the body at the first difference. */
export async function bodyMatches(
  from: { io: FileIo; file: UploadFile },
  range: Range,
  body: BodySource,
): Promise<boolean> {
  return withBuffer(async (buffer) => {
    let at = range.start;
    for (;;) {
      const batch = await body.next();
      if (batch === null) return at === range.end;
      try {
        for (const sent of batch.buffers) {
          if (at + sent.byteLength > range.end) return false;
          for (let done = 0; done < sent.byteLength; done += stepBytes) {
            const piece = sent.subarray(done, done + stepBytes);
            const stored = buffer.subarray(0, piece.byteLength);
            if (!(await readFully(from, stored, at))) {
              throw new HoldfastError('storage-damaged', 'Stored bytes of this chunk are missing');
            }
            if (Buffer.compare(stored, piece) !== 0) return false;
            at += piece.byteLength;
          }
        }
      } finally {
        batch.release();
      }
    }
  });
}
