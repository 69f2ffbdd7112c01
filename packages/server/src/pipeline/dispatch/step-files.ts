/** Files that an attempt reads: they stay where they are until it ends. */
import type { Artifact } from '../../core/ledger.ts';
import type { ArtifactStore } from '../../core/ports/artifact-store.ts';
import type { BlobStore } from '../../core/ports/blob-store.ts';
import type { LocalFile } from '../../core/ports/local-file.ts';
import type { Sha256 } from '../../core/upload.ts';

export interface FileStores {
  readonly assets: Pick<BlobStore, 'localAsset'>;
  readonly artifacts: Pick<ArtifactStore, 'localFile'>;
}

export class StepFiles {
  readonly #stores: FileStores;
  readonly #held = new Map<string, Promise<LocalFile>>();
  readonly #assets: string[] = [];

  constructor(stores: FileStores) {
    this.#stores = stores;
  }

  async asset(id: Sha256): Promise<string> {
    const path = await this.#hold(id, () => this.#stores.assets.localAsset(id));
    this.#assets.push(path);
    return path;
  }

  artifact(artifact: Artifact): Promise<string> {
    return this.#hold(`${artifact.stepKey}/${artifact.name}`, () => this.#stores.artifacts.localFile(artifact));
  }

  /** Paths of assets that were handed out, each with the name that people know it by. */
  paths(name: string): (readonly [string, string])[] {
    return this.#assets.map((path) => [path, name]);
  }

  async release(): Promise<void> {
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const file of await Promise.allSettled(held)) if (file.status === 'fulfilled') await file.value.release();
  }

  async #hold(name: string, get: () => Promise<LocalFile>): Promise<string> {
    const known = this.#held.get(name);
    const file = known ?? get();
    if (known === undefined) {
      this.#held.set(name, file);
      // One that could not be had is asked for again.
      file.catch(() => this.#held.delete(name));
    }
    return (await file).path;
  }
}
