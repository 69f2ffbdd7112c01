/** Disk stores in a temporary folder over system calls that can be made to fail; for tests of the disk adapter. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFileIo } from '../blobs/disk/file-io.ts';
import { type DiskBlobsOptions, openDiskBlobs } from '../blobs/disk/open.ts';
import { type FileFaults, withFileFaults } from '../blobs/with-faults.ts';
import type { BlobStore, Written } from '../core/ports/blob-store.ts';
import { uuidv7 } from '../platform/uuidv7.ts';
import { bodyOf } from './body.ts';

export const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What has to be undone after a test, last opened first. */
export class Openings {
  readonly #undo: (() => Promise<void> | void)[] = [];

  add(undo: () => Promise<void> | void): void {
    this.#undo.push(undo);
  }

  /** A store whose system calls have the faults; in a new folder unless `options.dir` names one. */
  async disk(faults: FileFaults = {}, options: Partial<DiskBlobsOptions> = {}) {
    const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'holdfast-faults-'));
    if (options.dir === undefined) this.add(() => rmSync(dir, { recursive: true, force: true }));
    const io = withFileFaults(nodeFileIo, faults);
    const { blobs } = await openDiskBlobs({
      dir,
      durability: 'synced',
      reserveBytes: 0,
      hashWorkers: 1,
      io,
      ...options,
    });
    this.add(() => blobs.close());
    return { dir, blobs, incoming: (id: string) => join(dir, 'incoming', id) };
  }

  async undo(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }
}

/** Writes the bytes in batches of 64 KiB. */
export function writeBytes(
  blobs: BlobStore,
  uploadId: string,
  part: { bytes: Uint8Array; offset?: number },
): Promise<Written> {
  const { bytes, offset = 0 } = part;
  return blobs.write({
    uploadId,
    offset,
    length: bytes.byteLength,
    body: bodyOf(bytes, { batchBytes: 65_536 }),
    digests: [],
  });
}

/** A new upload with the bytes stored and synced. */
export async function storedUpload(blobs: BlobStore, bytes: Uint8Array): Promise<string> {
  const id = uuidv7();
  await blobs.prepare(id, bytes.byteLength);
  await writeBytes(blobs, id, { bytes });
  await blobs.sync(id);
  return id;
}
