/** The file of an upload: there, and as long as the upload. */
import type { FileIo } from './file-io.ts';
import { unlinkIfThere } from './placement.ts';
import type { SpaceGuard } from './space-guard.ts';
import type { UploadFile } from './upload-file.ts';

/** Rejects with `insufficient-storage`, and leaves nothing that was not there before; with `storage-damaged` when somebody removed the file. */
export async function makeRoom(
  { io, space }: { readonly io: FileIo; readonly space: SpaceGuard },
  file: UploadFile,
  size: number,
): Promise<void> {
  if (file.isOpen) {
    // Another process may have put a copy in its place. One that was removed is not made again.
    await file.refresh();
    await file.use(() => {});
  } else {
    // What our own file already holds needs no room a second time.
    const free = await space.free();
    if (size > free) {
      const held = await io.factsOf(file.path).then(
        (facts) => facts.allocated,
        () => 0,
      );
      await space.require(size - held);
    }
  }
  const isNew = await file.create();
  try {
    await file.use(async (fd) => {
      const facts = file.facts(fd);
      if (facts.size >= size) return;
      if (!isNew) await space.require(size - facts.allocated);
      await io.truncate(fd, size);
      file.resized();
    });
  } catch (error) {
    if (isNew) {
      await unlinkIfThere(io, file.path);
      // Its descriptor is of a file that is gone.
      await file.refresh();
    }
    throw error;
  }
}
