/** Turns an upload's bytes into an asset, and frees bytes: the two ways by which a file leaves `incoming/`. */
import { HoldfastError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/upload.ts';
import type { DirectorySyncs } from './directory-syncs.ts';
import type { FileIo } from './file-io.ts';
import { errnoOf } from './io-errors.ts';
import type { DiskLayout } from './layout.ts';
import type { UploadFile } from './upload-file.ts';

export interface PlacementParts {
  readonly io: FileIo;
  readonly layout: DiskLayout;
  readonly directories: DirectorySyncs;
}

/** Size of the regular file at `path`; null when nothing is there. */
export async function sizeOf(io: FileIo, path: string): Promise<number | null> {
  try {
    const facts = await io.factsOf(path);
    if (!facts.isFile) throw new HoldfastError('storage-damaged', 'Something that is not a file is in the store');
    return facts.size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Removes the file; fine when it is gone already. */
export async function unlinkIfThere(io: FileIo, path: string): Promise<void> {
  try {
    await io.unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Puts the sealed file in place as asset `digest`. What it finds after a crash, and what it does:
 *
 * | incoming | asset | |
 * | --- | --- | --- |
 * | any | right size | removes incoming, if there |
 * | right size (longer: cut) | missing or wrong size | syncs incoming, renames it over the asset |
 * | missing or short | missing or wrong size | `storage-damaged` |
 *
 * In every good case the asset's directory entry is durable at the end, also if the crash was between rename and directory sync.
 */
export async function placeSealed(
  parts: PlacementParts,
  file: UploadFile,
  asset: { size: number; digest: Sha256 },
): Promise<void> {
  const { io, layout, directories } = parts;
  const path = layout.assetFile(asset.digest);
  const present = await sizeOf(io, path);
  if (present === asset.size) {
    // Its entry first: the incoming bytes may be the only durable copy until then.
    await directories.sync(layout.assetFolder(asset.digest));
    await unlinkIfThere(io, file.path);
    return;
  }
  const fd = await file.sealedDescriptor();
  if (fd === null) {
    throw new HoldfastError('storage-damaged', 'Neither the bytes of the upload nor its asset are in the store', {
      details: { assetId: asset.digest, assetBytes: present },
    });
  }
  const facts = file.facts(fd);
  if (facts.size < asset.size) {
    throw new HoldfastError('storage-damaged', 'The stored file is shorter than the upload', {
      details: { expected: asset.size, stored: facts.size },
    });
  }
  if (facts.size > asset.size) {
    // Of an upload whose length was told late; a rejected write may have left bytes after the end.
    await io.truncate(fd, asset.size);
    file.resized();
  }
  await file.syncSealed(fd);
  await io.rename(file.path, path);
  await directories.sync(layout.assetFolder(asset.digest));
}
