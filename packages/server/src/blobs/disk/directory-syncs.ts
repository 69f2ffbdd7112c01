/** Makes directory entries (creations, renames) survive power loss. */
import { constants } from 'node:fs';
import { JointTask } from '../../platform/joint-task.ts';
import type { FileIo } from './file-io.ts';

/** One fsync per directory at a time, shared by those who wait for it. Descriptors stay open: at most one per folder of the layout. */
export class DirectorySyncs {
  readonly #io: FileIo;
  readonly #directories = new Map<string, { readonly opening: Promise<number>; readonly task: JointTask }>();

  constructor(io: FileIo) {
    this.#io = io;
  }

  /** Every entry made in the directory before this call is durable once this resolves. For directories of the layout, which never go away. */
  sync(path: string): Promise<void> {
    let directory = this.#directories.get(path);
    if (directory === undefined) {
      const opening = this.#io.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
      directory = { opening, task: new JointTask(async () => this.#io.fsync(await opening)) };
      this.#directories.set(path, directory);
      opening.catch(() => this.#directories.delete(path));
    }
    return directory.task.run();
  }

  async close(): Promise<void> {
    const directories = [...this.#directories.values()];
    this.#directories.clear();
    for (const { opening } of directories) {
      await opening.then(
        (fd) => this.#io.close(fd),
        () => {},
      );
    }
  }
}
