/**
 * Gives an upload a file of its own, so that a process that lost its right to write and does not know it yet writes to a file that has no
 * name any more.
 */
import { constants } from 'node:fs';
import { HoldfastError } from '../../core/errors.ts';
import type { DirectorySyncs } from './directory-syncs.ts';
import type { FileIo } from './file-io.ts';
import type { DiskLayout } from './layout.ts';
import { unlinkIfThere } from './placement.ts';
import type { UploadFile } from './upload-file.ts';

const stepBytes = 1024 * 1024;
const created = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;

/**
 * For the sealed file: copies its first `upTo` bytes, and puts the copy in its place. Durable when it resolves. Rejects with `lease-lost` when
 * another process has put one there meanwhile: that one has bytes that came since.
 */
export async function isolateSealed(
  parts: { readonly io: FileIo; readonly layout: DiskLayout; readonly directories: DirectorySyncs },
  file: UploadFile,
  upTo: number,
): Promise<void> {
  const { io, layout, directories } = parts;
  const from = await file.sealedDescriptor();
  if (from === null) return;
  const path = layout.isolatedFile(file.id);
  try {
    const to = await io.open(path, created);
    try {
      await copyBytes(io, { from, to }, { start: 0, end: upTo });
      await io.truncate(to, io.facts(from).size);
      await io.fdatasync(to);
    } finally {
      await io.close(to);
    }
    // As late as can be: copying and syncing may take long, or this process stood still.
    const { inode } = await io.factsOf(file.path);
    if (inode !== io.facts(from).inode)
      throw new HoldfastError('lease-lost', 'Another process took this upload over meanwhile.');
    await io.rename(path, file.path);
  } catch (error) {
    // It can be as large as the upload, and the reason why it failed that there is no room.
    await unlinkIfThere(io, path).catch(() => {});
    throw error;
  }
  await directories.sync(layout.incoming);
}

/** Copies a range to the same place in another file. Rejects with `storage-damaged` when the first one is shorter. */
export async function copyBytes(
  io: FileIo,
  { from, to }: { readonly from: number; readonly to: number },
  range: { readonly start: number; readonly end: number },
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(stepBytes, Math.max(1, range.end - range.start)));
  for (let at = range.start; at < range.end; ) {
    const taken = await io.read(from, buffer.subarray(0, Math.min(buffer.length, range.end - at)), at);
    if (taken === 0) throw new HoldfastError('storage-damaged', 'The stored file is shorter than recorded');
    for (let done = 0; done < taken; ) done += await io.writev(to, [buffer.subarray(done, taken)], at + done);
    at += taken;
  }
}
