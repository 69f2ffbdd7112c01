/** A blob store some of whose assets stayed where they were found: read there, and only while they are what was taken. */
import { createReadStream, lstatSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { HoldfastError } from '../core/errors.ts';
import type { BlobStore } from '../core/ports/blob-store.ts';
import type { OutsideFile, OutsideFiles } from '../core/ports/blob-stores.ts';
import type { BytePath } from '../core/ports/file-intake.ts';
import { standingFile } from '../core/ports/local-file.ts';
import type { Sha256 } from '../core/upload.ts';
import { sameContent } from '../core/watch.ts';
import { factsFrom } from './disk/file-facts.ts';

/**
 * The store's own bytes come first. Otherwise the file outside is read, after its inode, size and time were compared; one that is gone or
 * differs is `storage-damaged` with words that say so.
 */
export function withOutsideAssets<S extends BlobStore>(
  blobs: S,
  outside: OutsideFiles,
  rehash: (path: BytePath, size: number, onBytes: ((bytes: number) => void) | undefined) => Promise<Sha256>,
): BlobStore {
  const has = async (digest: Sha256) => !outside.has(digest) || (await blobs.assetSize(digest)) !== null;
  const assetSize = async (digest: Sha256) => {
    const inside = await blobs.assetSize(digest);
    const file = outside.get(digest);
    if (inside !== null || file === undefined) return inside;
    return problemOf(file) === null ? file.facts.size : null;
  };
  const own: Partial<BlobStore> = {
    assetSize,
    place: async (uploadId, size, digest) => {
      try {
        await blobs.place(uploadId, size, digest);
      } catch (error) {
        const gone = error instanceof HoldfastError && error.code === 'storage-damaged';
        if (!gone || (await assetSize(digest)) !== size) throw error;
        await blobs.discard(uploadId);
      }
    },
    readAsset: async (digest, range): Promise<Readable> => {
      if (await has(digest)) return await blobs.readAsset(digest, range);
      const path = checked(outside, digest);
      return range.end <= range.start
        ? createReadStream('/dev/null')
        : createReadStream(path, { start: range.start, end: range.end - 1 });
    },
    localAsset: async (digest) => {
      if (await has(digest)) return await blobs.localAsset(digest);
      return standingFile(checked(outside, digest).toString());
    },
    rehashAsset: async (digest, onBytes) => {
      const file = outside.get(digest);
      if (file === undefined || (await has(digest))) return await blobs.rehashAsset(digest, onBytes);
      return problemOf(file) === null ? await rehash(file.path, file.facts.size, onBytes) : null;
    },
  };
  return new Proxy(blobs, {
    get(target, name) {
      const changed: unknown = Reflect.get(own, name);
      if (changed !== undefined) return changed;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Whether the asset's file lies outside of the store at the moment, as it was taken. */
export function liesOutside(outside: OutsideFiles, digest: Sha256): boolean {
  const file = outside.get(digest);
  return file !== undefined && problemOf(file) === null;
}

function problemOf(file: OutsideFile): string | null {
  try {
    const stats = lstatSync(Buffer.from(file.path), { bigint: true });
    return stats.isFile() && sameContent(factsFrom(stats), file.facts) ? null : 'has changed since it was taken';
  } catch {
    return 'is not there any more';
  }
}

function checked(outside: OutsideFiles, digest: Sha256): Buffer {
  const file = outside.get(digest);
  const path = Buffer.from(file?.path ?? []);
  const problem = file === undefined ? 'is not known' : problemOf(file);
  if (problem === null) return path;
  throw new HoldfastError(
    'storage-damaged',
    `The file ${JSON.stringify(path.toString())}, which is processed in its place, ${problem}. Put it back, or have its folder taken into the store.`,
    { details: { assetId: digest } },
  );
}
