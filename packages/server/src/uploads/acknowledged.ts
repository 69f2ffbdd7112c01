/**
 * Completed is verified: the digest that names an asset is of the bytes that were acknowledged, extent by extent. What was hashed may be of
 * others: of bytes that the disk gave back damaged, that were asked for again since, or that a process wrote over that had lost its right to
 * (decision 0026). The checksums of the extents, combined, against the one of the hashed bytes tell it for nothing.
 */
import { crc32OfAll } from '../core/crc32.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Hashed, HashProgress } from '../core/ports/blob-store.ts';
import type { Extent, Sha256, Upload } from '../core/upload.ts';
import type { UploadDependencies } from './dependencies.ts';
import { dropDamaged } from './repair.ts';

/**
 * SHA-256 of the acknowledged bytes of an upload that is validating. Null when stored ones are others; those are asked for again. Rejects with
 * `storage-damaged` when bytes are gone, `insufficient-storage`, `unavailable`.
 */
export async function acknowledgedDigest(
  deps: UploadDependencies,
  upload: Upload,
  size: number,
  onBytes: HashProgress,
): Promise<Sha256 | null> {
  const { blobs, store } = deps;
  // What comes late goes to a file that has no name any more, before it is looked at for the last time.
  if (upload.doubt === 'writers') await blobs.isolate(upload.id, size);
  const expected = crc32OfAll(await store.extents(upload.id));
  const fresh = upload.doubt !== 'none';
  const hashed = await blobs.hash(upload.id, size, { fresh, onBytes });
  if (hashed.crc32 === expected) return hashed.sha256;
  const again = fresh ? hashed : await blobs.hash(upload.id, size, { fresh: true, onBytes });
  if (again.crc32 === expected) return again.sha256;
  if ((await dropDamaged(deps, upload.id, 'the stored bytes are not the ones that were acknowledged')) > 0) return null;
  throw new HoldfastError('unavailable', 'The stored bytes read differently each time.');
}

/** For a final upload: its parts, one behind the other, are what was acknowledged of them. Throws `storage-damaged`. */
export async function assertAcknowledged(
  { store }: UploadDependencies,
  parts: readonly string[],
  hashed: Hashed,
): Promise<void> {
  const extents: Extent[] = [];
  for (const id of parts) for (const extent of await store.extents(id)) extents.push(extent);
  if (crc32OfAll(extents) !== hashed.crc32)
    throw new HoldfastError('storage-damaged', 'The stored bytes of a part are not the ones that were acknowledged.');
}
