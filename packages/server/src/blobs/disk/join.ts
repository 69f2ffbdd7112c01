/** The file that several uploads are joined into: there, large enough, with the first part in it if that is not to be copied. */
import { HoldfastError } from '../../core/errors.ts';
import type { JoinWish } from '../../core/ports/blob-store.ts';
import type { DiskBlobStoreParts } from './disk-blob-store.ts';
import type { JoinSource } from './hash-messages.ts';
import { sizeOf } from './placement.ts';
import type { UploadFile } from './upload-file.ts';

/** Resolves to what has to be copied. A crash may have been before or after the first part got its new name. */
export async function beginJoin(parts: DiskBlobStoreParts, uploadId: string, wish: JoinWish): Promise<JoinSource[]> {
  const { io, files, layout, space } = parts;
  const [first] = wish.parts;
  if (wish.takeFirst && first !== undefined) await takeFirst(parts, first.id, uploadId);
  await files.of(uploadId).hold(async (file) => {
    await file.create();
    await file.use(async (fd) => {
      const size = wish.parts.reduce((sum, part) => sum + part.size, 0);
      const facts = file.facts(fd);
      await space.require(size - facts.allocated);
      if (facts.size !== size) await io.truncate(fd, size);
      file.resized();
    });
  });
  return wish.parts.map(({ id, size }, i) => ({
    path: i === 0 && wish.takeFirst ? null : layout.incomingFile(id),
    size,
  }));
}

async function takeFirst(parts: DiskBlobStoreParts, partId: string, uploadId: string): Promise<void> {
  const { io, files, layout, directories, pool } = parts;
  const to = layout.incomingFile(uploadId);
  const rename = async (part: UploadFile) => {
    if ((await sizeOf(io, part.path)) !== null) await io.rename(part.path, to);
    else if ((await sizeOf(io, to)) === null)
      throw new HoldfastError('storage-damaged', 'The bytes of the first part are gone');
  };
  // Nobody keeps a descriptor of a file that was there before, of an earlier try.
  await files.exclusively(uploadId, () => files.exclusively(partId, rename));
  pool.forget(partId);
  // Durable before it is truncated or written to: after a power loss it has one name or the other, and these bytes.
  await directories.sync(layout.incoming);
}
