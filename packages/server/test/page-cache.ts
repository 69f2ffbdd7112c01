/**
 * A page cache over real files that behaves as that of Linux when the disk fails (fsync(2), errseq_t): pages whose writing failed count as
 * written, and reading still gives their bytes; each descriptor that was open then hears of it once, and of those that are opened later only the first
 * to sync, if nobody has heard of it before.
 */
import { constants, statSync } from 'node:fs';
import { type FileIo, nodeFileIo } from '../src/blobs/disk/file-io.ts';
import { systemError } from '../src/blobs/with-faults.ts';
import { addRange, type ExtentSet, emptyExtents, missingRanges } from '../src/core/extents.ts';

interface Inode {
  /** Written since the last sync. */
  dirty: ExtentSet;
  /** What the disk did not keep and nobody has written since. */
  lost: ExtentSet;
  errors: number;
  seen: boolean;
}

export class PageCache {
  readonly #inodes = new Map<number, Inode>();
  readonly #open = new Map<number, { readonly inode: Inode; heard: number }>();
  readonly #failing: (nth: number) => boolean;
  #syncs = 0;

  /** `failing` is asked before each sync that has something to write; `nth` counts them from 1. */
  constructor(failing: (nth: number) => boolean) {
    this.#failing = failing;
  }

  /** How many syncs had something to write. */
  get syncs(): number {
    return this.#syncs;
  }

  /** What a power cut would take of the file although a sync was asked for and nobody was told otherwise since. */
  lostAt(path: string): ExtentSet {
    return this.#inode(statSync(path).ino).lost;
  }

  /** The calls of one process, or of several. */
  readonly io: FileIo = {
    ...nodeFileIo,
    open: async (path, flags) => {
      const fd = await nodeFileIo.open(path, flags);
      const { inode: number } = nodeFileIo.facts(fd);
      // A new file may get the number of one that is gone.
      if ((flags & (constants.O_EXCL | constants.O_TRUNC)) !== 0) this.#inodes.delete(number);
      const inode = this.#inode(number);
      this.#open.set(fd, { inode, heard: inode.seen ? inode.errors : 0 });
      return fd;
    },
    writev: async (fd, buffers, position) => {
      const written = await nodeFileIo.writev(fd, buffers, position);
      const range = { start: position, end: position + written };
      const inode = this.#open.get(fd)?.inode;
      if (inode === undefined) return written;
      inode.dirty = addRange(inode.dirty, range);
      inode.lost = inode.lost.flatMap((lost) =>
        missingRanges([range], lost.end).flatMap((gap) =>
          gap.end > lost.start ? [{ start: Math.max(gap.start, lost.start), end: gap.end }] : [],
        ),
      );
      return written;
    },
    fdatasync: (fd) => this.#sync(fd),
    fsync: (fd) => this.#sync(fd),
  };

  async #sync(fd: number): Promise<void> {
    const opened = this.#open.get(fd);
    if (opened === undefined) return await nodeFileIo.fsync(fd);
    const { inode } = opened;
    if (inode.dirty.length > 0) {
      this.#syncs += 1;
      if (this.#failing(this.#syncs)) {
        for (const range of inode.dirty) inode.lost = addRange(inode.lost, range);
        inode.errors += 1;
        inode.seen = false;
      }
      inode.dirty = emptyExtents;
    }
    if (opened.heard === inode.errors) return;
    opened.heard = inode.errors;
    inode.seen = true;
    throw systemError('EIO');
  }

  #inode(number: number): Inode {
    const known = this.#inodes.get(number) ?? { dirty: emptyExtents, lost: emptyExtents, errors: 0, seen: true };
    this.#inodes.set(number, known);
    return known;
  }
}
