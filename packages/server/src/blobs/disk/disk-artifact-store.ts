/** Artifacts in a folder of a local disk. */
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { HoldfastError } from '../../core/errors.ts';
import type { Artifact } from '../../core/ledger.ts';
import type { ArtifactStore } from '../../core/ports/artifact-store.ts';
import { type LocalFile, standingFile } from '../../core/ports/local-file.ts';
import type { Sha256 } from '../../core/upload.ts';
import { fileDigest } from './file-digest.ts';
import type { FileIo } from './file-io.ts';
import { fileStream } from './file-stream.ts';
import type { HashPool } from './hash-pool.ts';
import { translated } from './io-errors.ts';
import type { DiskLayout } from './layout.ts';
import { sizeOf } from './placement.ts';
import { notAFile, ScratchFolders } from './scratch-folders.ts';

export interface DiskArtifactStoreParts {
  readonly layout: DiskLayout;
  readonly io: FileIo;
  readonly pool: HashPool;
}

export class DiskArtifactStore implements ArtifactStore {
  readonly #parts: DiskArtifactStoreParts;
  readonly #scratch: ScratchFolders;

  constructor(parts: DiskArtifactStoreParts) {
    this.#parts = parts;
    this.#scratch = new ScratchFolders(parts.layout);
  }

  scratch(stepKey: string, fence: number): Promise<string> {
    return this.#scratch.make(stepKey, fence);
  }

  async publish(
    stepKey: string,
    scratch: string,
    files: readonly { readonly name: string; readonly contentType: string }[],
  ): Promise<Artifact[]> {
    this.#scratch.assertPublishable(scratch, files);
    return translated('publishing artifacts', async () => {
      const folder = this.#parts.layout.stepFolder(stepKey);
      const artifacts: Artifact[] = [];
      // All are checked and durable under their scratch name before the first takes its place.
      for (const { name, contentType } of files) {
        artifacts.push({ stepKey, name, contentType, ...(await this.#settle(`${scratch}/${name}`)) });
      }
      if (files.length === 0) return artifacts;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const { name } of files) await this.#parts.io.rename(`${scratch}/${name}`, `${folder}/${name}`);
      for (const directory of [folder, dirname(folder), this.#parts.layout.artifacts])
        await this.#syncDirectory(directory);
      return artifacts;
    });
  }

  clean(scratch: string): Promise<void> {
    return this.#scratch.remove(scratch);
  }

  async localFile(artifact: Artifact): Promise<LocalFile> {
    return standingFile(this.#path(artifact));
  }

  read(artifact: Artifact, range?: { readonly start: number; readonly end: number }): Promise<Readable> {
    return fileStream(this.#parts.io, this.#path(artifact), range ?? { start: 0, end: artifact.size });
  }

  async remove(stepKey: string): Promise<void> {
    await translated('removing artifacts', async () => {
      const folder = this.#parts.layout.stepFolder(stepKey);
      if ((await lstat(folder).catch(() => null)) === null) return;
      await rm(folder, { recursive: true, force: true });
      await this.#syncDirectory(dirname(folder));
    });
  }

  async check(artifact: Artifact): Promise<'intact' | 'missing' | 'damaged'> {
    const path = this.#path(artifact);
    try {
      const size = await translated('checking an artifact', () => sizeOf(this.#parts.io, path));
      if (size === null) return 'missing';
      if (size !== artifact.size) return 'damaged';
      return (await fileDigest(this.#parts, { path, size })) === artifact.sha256 ? 'intact' : 'damaged';
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'storage-damaged') return 'damaged';
      throw error;
    }
  }

  /** Size and digest of a file that a step made, synced. Links and special files are refused: a step's tool must not publish what it points at. */
  async #settle(path: string): Promise<{ size: number; sha256: Sha256 }> {
    const { io } = this.#parts;
    const fd = await io
      .open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      .catch((error: unknown) => {
        throw notAFile(error);
      });
    let size: number;
    try {
      const facts = io.facts(fd);
      if (!facts.isFile) throw notAFile();
      size = facts.size;
      await io.fsync(fd);
    } finally {
      await io.close(fd);
    }
    await chmod(path, 0o600);
    return { size, sha256: await fileDigest(this.#parts, { path, size }) };
  }

  async #syncDirectory(path: string): Promise<void> {
    const { io } = this.#parts;
    const fd = await io.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await io.fsync(fd);
    } finally {
      await io.close(fd);
    }
  }

  #path({ stepKey, name }: Artifact): string {
    return this.#parts.layout.artifactFile(stepKey, name);
  }
}
