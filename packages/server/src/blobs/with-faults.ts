/** Wrappers that make storage misbehave on purpose: one around the blob port for any adapter, one around the disk's system calls. */
import { HoldfastError } from '../core/errors.ts';
import type { BlobStore } from '../core/ports/blob-store.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FileIo } from './disk/file-io.ts';

/** Faults of a whole store; values are read at each call, so a test can change them as it goes. */
export interface BlobFaults {
  /** Bytes that bodies may still bring; when used up, writes fail with `insufficient-storage` halfway. */
  spaceLeftBytes?: number;
  /** Called before each method; what it returns is thrown. */
  failing?: (method: keyof BlobStore) => HoldfastError | null;
  /** Waits before each method that touches storage. */
  slow?: { readonly clock: Clock; readonly ms: number };
}

function wait(slow: { readonly clock: Clock; readonly ms: number } | undefined): Promise<void> | null {
  return slow === undefined ? null : new Promise((resolve) => slow.clock.after(slow.ms, resolve));
}

function limitedBody(body: BodySource, faults: BlobFaults): BodySource {
  return {
    async next() {
      const batch = await body.next();
      if (batch === null || faults.spaceLeftBytes === undefined) return batch;
      faults.spaceLeftBytes -= batch.bytes;
      if (faults.spaceLeftBytes >= 0) return batch;
      faults.spaceLeftBytes = 0;
      batch.release();
      throw new HoldfastError('insufficient-storage', 'No room (injected)');
    },
    abandon: () => body.abandon(),
  };
}

/** The store with faults. Methods that are not asynchronous, and listings, pass through. */
export function withFaults(blobs: BlobStore, faults: BlobFaults): BlobStore {
  async function before(method: keyof BlobStore): Promise<void> {
    await wait(faults.slow);
    const error = faults.failing?.(method) ?? null;
    if (error !== null) throw error;
  }
  return {
    prepare: async (uploadId, size) => before('prepare').then(() => blobs.prepare(uploadId, size)),
    write: async (request) =>
      before('write').then(() => blobs.write({ ...request, body: limitedBody(request.body, faults) })),
    append: async (request) =>
      before('append').then(() => blobs.append({ ...request, body: limitedBody(request.body, faults) })),
    isolate: async (uploadId, upTo) => before('isolate').then(() => blobs.isolate(uploadId, upTo)),
    compare: async (request) => before('compare').then(() => blobs.compare(request)),
    sync: async (uploadId, range) => before('sync').then(() => blobs.sync(uploadId, range)),
    lost: (uploadId) => blobs.lost(uploadId),
    onSyncFailed: (listener) => blobs.onSyncFailed(listener),
    harden: async (uploadId) => before('harden').then(() => blobs.harden(uploadId)),
    join: async (uploadId, wish) => before('join').then(() => blobs.join(uploadId, wish)),
    head: async (uploadId, length) => before('head').then(() => blobs.head(uploadId, length)),
    checksum: async (uploadId, range) => before('checksum').then(() => blobs.checksum(uploadId, range)),
    hashAhead: (uploadId, upTo) => blobs.hashAhead(uploadId, upTo),
    hash: async (uploadId, size, how) => before('digest').then(() => blobs.hash(uploadId, size, how)),
    digest: async (uploadId, size, algorithm) => before('digest').then(() => blobs.digest(uploadId, size, algorithm)),
    place: async (uploadId, size, digest) => before('place').then(() => blobs.place(uploadId, size, digest)),
    makeWay: async (uploadId) => before('makeWay').then(() => blobs.makeWay(uploadId)),
    discard: async (uploadId) => before('discard').then(() => blobs.discard(uploadId)),
    assetSize: async (digest) => before('assetSize').then(() => blobs.assetSize(digest)),
    readAsset: async (digest, range) => before('readAsset').then(() => blobs.readAsset(digest, range)),
    localAsset: async (digest) => before('localAsset').then(() => blobs.localAsset(digest)),
    rehashAsset: async (digest, onBytes) => before('rehashAsset').then(() => blobs.rehashAsset(digest, onBytes)),
    removeAsset: async (digest) => before('removeAsset').then(() => blobs.removeAsset(digest)),
    storedUploads: () => blobs.storedUploads(),
    storedAssets: () => blobs.storedAssets(),
    freeBytes: async () => before('freeBytes').then(() => blobs.freeBytes()),
    ping: async () => before('ping').then(() => blobs.ping()),
    close: () => blobs.close(),
  };
}

/** Faults of the disk's system calls; values are read at each call. */
export interface FileFaults {
  /** No call writes or reads more than this many bytes. */
  shortBytes?: number;
  /** Bytes that may still be written; then ENOSPC, after a short write up to the limit, as a real disk does. */
  spaceLeftBytes?: number;
  /** Called before each call with its name and, if it has one, the path; what it returns is thrown. */
  failing?: (call: keyof FileIo, path: string | null) => Error | null;
  slow?: { readonly clock: Clock; readonly ms: number };
  /** Counts every call by name. */
  counts?: Map<keyof FileIo, number>;
}

/** An error as Node gives it for a system call. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** The first `bytes` of the buffers. */
function head(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  let left = bytes;
  for (const buffer of buffers) {
    if (left <= 0) break;
    out.push(buffer.subarray(0, left));
    left -= buffer.byteLength;
  }
  return out;
}

export function withFileFaults(io: FileIo, faults: FileFaults): FileIo {
  async function before(call: keyof FileIo, path: string | null = null): Promise<void> {
    faults.counts?.set(call, (faults.counts.get(call) ?? 0) + 1);
    await wait(faults.slow);
    const error = faults.failing?.(call, path) ?? null;
    if (error !== null) throw error;
  }
  return {
    open: async (path, flags) => before('open', path).then(() => io.open(path, flags)),
    close: async (fd) => before('close').then(() => io.close(fd)),
    read: async (fd, buffer, position) =>
      before('read').then(() => io.read(fd, buffer.subarray(0, faults.shortBytes ?? buffer.byteLength), position)),
    async writev(fd, buffers, position) {
      await before('writev');
      const limit = Math.min(
        faults.shortBytes ?? Number.POSITIVE_INFINITY,
        faults.spaceLeftBytes ?? Number.POSITIVE_INFINITY,
      );
      if (limit === Number.POSITIVE_INFINITY) return io.writev(fd, buffers, position);
      if (limit <= 0) throw systemError('ENOSPC');
      const written = await io.writev(fd, head(buffers, limit), position);
      if (faults.spaceLeftBytes !== undefined) faults.spaceLeftBytes -= written;
      return written;
    },
    truncate: async (fd, size) => before('truncate').then(() => io.truncate(fd, size)),
    fdatasync: async (fd) => before('fdatasync').then(() => io.fdatasync(fd)),
    fsync: async (fd) => before('fsync').then(() => io.fsync(fd)),
    rename: async (from, to) => before('rename', from).then(() => io.rename(from, to)),
    unlink: async (path) => before('unlink', path).then(() => io.unlink(path)),
    facts: (fd) => io.facts(fd),
    factsOf: async (path) => before('factsOf', path).then(() => io.factsOf(path)),
    freeBytes: async (path) => before('freeBytes', path).then(() => io.freeBytes(path)),
  };
}
