/** Bytes of one server into the stores of another: verified as they are written, passed over where they are already. */
import { HoldfastError } from '../core/errors.ts';
import type { Artifact } from '../core/ledger.ts';
import type { ArtifactStore } from '../core/ports/artifact-store.ts';
import type { BlobStore } from '../core/ports/blob-store.ts';
import type { BodyBatch, BodySource } from '../core/ports/body-source.ts';
import type { FileIntake } from '../core/ports/file-intake.ts';
import type { Extent, Sha256 } from '../core/upload.ts';

export interface ByteTarget {
  readonly blobs: BlobStore;
  readonly artifacts: ArtifactStore;
  readonly intake: FileIntake;
  newId(): string;
}

/** `there`: it had been moved before. */
export type Moved = 'moved' | 'there';

/** Rejects with `storage-damaged` when the file is not there, or is not what its name says. */
export async function moveAsset(
  target: ByteTarget,
  asset: { readonly id: Sha256; readonly size: number; readonly path: string },
): Promise<Moved> {
  const { blobs, intake, newId } = target;
  if ((await blobs.assetSize(asset.id)) === asset.size) return 'there';
  const path = Buffer.from(asset.path);
  const facts = await intake.facts(path);
  if (facts === null) throw damaged(`asset ${asset.id}`, 'is not in the source');
  const read = await intake.read({ id: newId(), path, facts, how: 'reflink', onBytes: () => {} });
  if (read.kind !== 'read') throw damaged(`asset ${asset.id}`, read.reason);
  try {
    if (read.digest !== asset.id || read.size !== asset.size)
      throw damaged(`asset ${asset.id}`, `its bytes have SHA-256 ${read.digest}`);
    await read.place();
  } finally {
    await read.discard();
  }
  return 'moved';
}

/** All files of one step. `bring` puts a file into a folder under its name. */
export async function moveArtifacts(
  { artifacts }: ByteTarget,
  stepKey: string,
  files: readonly Artifact[],
  bring: (artifact: Artifact, folder: string) => Promise<void>,
): Promise<Moved> {
  const states = await Promise.all(files.map((file) => artifacts.check(file)));
  if (states.every((state) => state === 'intact')) return 'there';
  const folder = await artifacts.scratch(stepKey, 0);
  try {
    for (const file of files) await bring(file, folder);
    const published = await artifacts.publish(stepKey, folder, files);
    for (const file of files) {
      const now = published.find(({ name }) => name === file.name);
      if (now?.sha256 !== file.sha256 || now.size !== file.size)
        throw damaged(`artifact ${stepKey}/${file.name}`, 'its bytes are not what was recorded');
    }
  } finally {
    await artifacts.clean(folder);
  }
  return 'moved';
}

export interface MovedUpload {
  readonly id: string;
  readonly size: number | null;
  readonly intake: 'grid' | 'append';
  /** In the order of their offsets. */
  readonly extents: readonly Extent[];
  /** Bytes of the source. */
  read(extent: Extent): AsyncIterable<Uint8Array>;
}

/** What an unfinished upload has so far; each extent is compared with its recorded checksum. */
export async function moveUpload({ blobs }: ByteTarget, upload: MovedUpload): Promise<Moved> {
  const missing: Extent[] = [];
  for (const extent of upload.extents) {
    const range = { start: extent.offset, end: extent.offset + extent.length };
    if ((await blobs.checksum(upload.id, range)) !== extent.crc32) missing.push(extent);
  }
  if (missing.length === 0) return 'there';
  await blobs.prepare(upload.id, upload.size);
  for (const extent of missing) {
    const body = bodyOf(upload.read(extent));
    const { offset, length } = extent;
    const wish = { uploadId: upload.id, offset, body, digests: [] };
    const written =
      upload.intake === 'grid'
        ? await blobs.write({ ...wish, length })
        : await blobs.append({ ...wish, lengthMax: length, isEnough: () => false, mayWrite: () => true });
    if (written.crc32 !== extent.crc32) throw damaged(`upload ${upload.id}`, `its bytes at ${offset} are damaged`);
  }
  await blobs.harden(upload.id);
  return 'moved';
}

function damaged(what: string, why: string): HoldfastError {
  return new HoldfastError('storage-damaged', `The source's ${what}: ${why}. \`holdfast verify\` on it tells more.`);
}

function bodyOf(bytes: AsyncIterable<Uint8Array>): BodySource {
  const iterator = bytes[Symbol.asyncIterator]();
  return {
    next: async (): Promise<BodyBatch | null> => {
      const { done, value } = await iterator.next();
      return done === true ? null : { buffers: [value], bytes: value.byteLength, release: () => {} };
    },
    abandon: async () => {
      await iterator.return?.();
    },
  };
}
