/** A body against bytes that are stored, in steps of 1 MiB with bounded memory. */
import { constants } from 'node:fs';
import { HoldfastError } from '../../core/errors.ts';
import type { CompareRequest, Comparison } from '../../core/ports/blob-store.ts';
import type { FileIo } from './file-io.ts';
import { storeError } from './io-errors.ts';
import { RunningDigests } from './running-digests.ts';
import { type ReadAt, readFully, withBuffer } from './stored-range.ts';

/** As `compareBody`, with an asset; a missing one is told by the first read. */
export async function compareAsset(
  { io, path }: { readonly io: FileIo; readonly path: string },
  request: Omit<CompareRequest, 'stored'>,
): Promise<Comparison> {
  let fd: number | null = null;
  try {
    return await compareBody(async (target, position) => {
      fd ??= await io.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      return await io.read(fd, target, position);
    }, request);
  } finally {
    if (fd !== null) await io.close(fd);
  }
}

/** Rejects with `body-too-short` and `body-too-long`, and as the body does; a failure to read what is stored is part of the answer. */
export async function compareBody(read: ReadAt, request: Omit<CompareRequest, 'stored'>): Promise<Comparison> {
  const { offset, length, body } = request;
  const digests = new RunningDigests(request.digests);
  const stored = new StoredBytes(read, offset);
  let at = 0;
  for (let batch = await body.next(); batch; batch = await body.next()) {
    try {
      if (at + batch.bytes > length)
        throw new HoldfastError('body-too-long', 'More bytes were sent than declared', {
          details: { expected: length },
        });
      for (const sent of batch.buffers) {
        digests.update(sent);
        await stored.compare(sent);
      }
      at += batch.bytes;
    } finally {
      batch.release();
    }
    if (stored.differ && request.digests.length === 0) return { same: false, digests: [] };
  }
  if (at < length)
    throw new HoldfastError('body-too-short', 'The body ended before all declared bytes arrived', {
      details: { expected: length, received: at },
    });
  const written = { crc32: digests.crc32, digests: digests.end() };
  if (stored.differ) return { same: false, digests: written.digests };
  const { unreadable } = stored;
  return unreadable === null ? { same: true, ...written } : { same: null, reason: unreadable, ...written };
}

class StoredBytes {
  readonly #read: ReadAt;
  #at: number;
  differ = false;
  /** Why they could not be read. */
  unreadable: HoldfastError | null = null;

  constructor(read: ReadAt, offset: number) {
    this.#read = read;
    this.#at = offset;
  }

  async compare(sent: Uint8Array): Promise<void> {
    await withBuffer(async (buffer) => {
      for (let done = 0; done < sent.byteLength && !this.differ && this.unreadable === null; ) {
        const piece = sent.subarray(done, done + buffer.byteLength);
        const stored = buffer.subarray(0, piece.byteLength);
        this.unreadable = await this.#fill(stored);
        this.differ = this.unreadable === null && Buffer.compare(stored, piece) !== 0;
        this.#at += piece.byteLength;
        done += piece.byteLength;
      }
    });
  }

  async #fill(target: Uint8Array): Promise<HoldfastError | null> {
    try {
      if (await readFully(this.#read, target, this.#at)) return null;
      return new HoldfastError('storage-damaged', 'Stored bytes of this chunk are missing');
    } catch (cause) {
      const error = storeError('comparing a chunk', cause);
      if (error instanceof HoldfastError) return error;
      throw error;
    }
  }
}
