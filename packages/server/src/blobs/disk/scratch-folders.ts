/** The working folders of steps, and what a step may hand over from there: the same wherever its artifacts go. */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { HoldfastError, invariant } from '../../core/errors.ts';
import { errnoOf, translated } from './io-errors.ts';
import { type DiskLayout, isArtifactName } from './layout.ts';

export class ScratchFolders {
  readonly #layout: DiskLayout;

  constructor(layout: DiskLayout) {
    this.#layout = layout;
  }

  /** An empty folder for one attempt. */
  async make(stepKey: string, fence: number): Promise<string> {
    const folder = this.#layout.scratchFolder(stepKey, fence);
    await translated('making a scratch folder', async () => {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { mode: 0o700 });
    });
    return folder;
  }

  /** Before anything is taken from it: throws unless `make` made the folder and each name is one for an artifact. */
  assertPublishable(scratch: string, files: readonly { readonly name: string }[]): void {
    this.#assertOwn(scratch);
    for (const { name } of files) {
      if (!isArtifactName(name))
        throw new HoldfastError('invalid-request', `Not a name for an artifact: ${JSON.stringify(name)}`);
    }
  }

  /** Idempotent, never rejects. */
  async remove(scratch: string): Promise<void> {
    try {
      this.#assertOwn(scratch);
      await rm(scratch, { recursive: true, force: true });
    } catch {
      // Left over: emptied at the next open. The contract is that cleaning never fails a step that succeeded.
    }
  }

  #assertOwn(scratch: string): void {
    invariant(dirname(resolve(scratch)) === resolve(this.#layout.scratch), 'a folder that scratch() made');
  }
}

export function notAFile(cause?: unknown): HoldfastError {
  const told =
    errnoOf(cause) === 'ENOENT'
      ? 'The step did not make a file that it names'
      : 'A step named something that is not a file';
  return new HoldfastError('storage-damaged', told, cause === undefined ? undefined : { cause });
}
