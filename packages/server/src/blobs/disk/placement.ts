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

/** Removes what is no file of its own; fine when there is nothing. */
export async function unlinkIfForeign(io: FileIo, path: string): Promise<void> {
  try {
    const { isFile, links } = await io.factsOf(path);
    if (!isFile || links !== 1) await io.unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Whether the file has as many bytes as the asset, and is not the asset under another name. */
async function bringsTheAsset(io: FileIo, from: string, asset: { size: number; path: string }): Promise<boolean> {
  const size = await sizeOf(io, from);
  if (size === null || size < asset.size) return false;
  return (await io.factsOf(from)).inode !== (await io.factsOf(asset.path)).inode;
}

/**
 * Puts the sealed file in place as asset `digest`. What it finds after a crash, and what it does:
 *
 * | incoming | asset | |
 * | --- | --- | --- |
 * | right size (longer: cut) | any | syncs incoming, renames it over the asset |
 * | missing, short, or the asset itself | right size | removes incoming, if there |
 * | missing or short | missing or wrong size | `storage-damaged` |
 *
 * An asset that is there already is replaced too: what comes was verified just now, and of what is there only the size is known.
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
  if (present === asset.size && !(await bringsTheAsset(io, file.path, { ...asset, path }))) {
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

/** Frees an asset's bytes; durable, and fine when they are gone already. */
export async function removePlaced({ io, layout, directories }: PlacementParts, digest: Sha256): Promise<void> {
  await unlinkIfThere(io, layout.assetFile(digest));
  await directories.sync(layout.assetFolder(digest));
}
