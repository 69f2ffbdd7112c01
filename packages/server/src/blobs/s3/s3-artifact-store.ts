/** Artifacts in the bucket; steps work in folders of this machine. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { HoldfastError } from '../../core/errors.ts';
import type { Artifact } from '../../core/ledger.ts';
import type { ArtifactStore } from '../../core/ports/artifact-store.ts';
import type { LocalFile } from '../../core/ports/local-file.ts';
import type { Sha256 } from '../../core/upload.ts';
import { translated } from '../disk/io-errors.ts';
import { DiskLayout } from '../disk/layout.ts';
import { notAFile, ScratchFolders } from '../disk/scratch-folders.ts';
import type { Bucket } from './bucket.ts';
import { sendFile } from './file-sender.ts';
import { inParallel } from './in-parallel.ts';
import type { S3Keys } from './keys.ts';
import type { LocalCache } from './local-cache.ts';
import { objectBytes } from './piece-reader.ts';
import { s3Translated } from './s3-errors.ts';
import type { PieceSizes } from './sizes.ts';

export interface S3ArtifactStoreParts {
  readonly bucket: Bucket;
  readonly keys: S3Keys;
  readonly sizes: PieceSizes;
  readonly cache: LocalCache;
  /** Folder of this machine for the working folders of steps. */
  readonly dataDir: string;
}

/** Files sent or hashed at once. */
const atOnce = 4;

export class S3ArtifactStore implements ArtifactStore {
  readonly #parts: S3ArtifactStoreParts;
  readonly #layout: DiskLayout;
  readonly #scratch: ScratchFolders;

  constructor(parts: S3ArtifactStoreParts) {
    this.#parts = parts;
    this.#layout = new DiskLayout(parts.dataDir);
    this.#scratch = new ScratchFolders(this.#layout);
  }

  /** Makes the folder that scratch folders are in, empty. */
  async open(): Promise<void> {
    await translated('opening the scratch folder', async () => {
      await rm(this.#layout.scratch, { recursive: true, force: true });
      await mkdir(this.#layout.scratch, { recursive: true, mode: 0o700 });
    });
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
    // All are known to be files before the first is sent.
    const artifacts = await translated('publishing artifacts', () =>
      inParallel(files, atOnce, async ({ name, contentType }) => ({
        stepKey,
        name,
        contentType,
        ...(await factsOf(join(scratch, name))),
      })),
    );
    const { bucket, keys, sizes } = this.#parts;
    await s3Translated('publishing artifacts', () =>
      inParallel(artifacts, atOnce, ({ size, sha256, name, contentType }) =>
        sendFile(bucket, sizes, {
          path: join(scratch, name),
          key: keys.artifact({ stepKey, sha256, name }),
          size,
          sha256,
          contentType,
        }),
      ),
    );
    return artifacts;
  }

  clean(scratch: string): Promise<void> {
    return this.#scratch.remove(scratch);
  }

  localFile(artifact: Artifact): Promise<LocalFile> {
    const { sha256, size, name } = artifact;
    return s3Translated('fetching an artifact', () =>
      this.#parts.cache.file({ sha256, size, name, key: this.#parts.keys.artifact(artifact) }),
    );
  }

  async read(artifact: Artifact, range?: { readonly start: number; readonly end: number }): Promise<Readable> {
    const { start, end } = range ?? { start: 0, end: artifact.size };
    if (end <= start) return Readable.from([]);
    const { bucket, keys } = this.#parts;
    const key = keys.artifact(artifact);
    if (await s3Translated('looking for an artifact', () => bucket.head(key)))
      return Readable.from(objectBytes(bucket, { key, range: { start, end } }), { objectMode: false });
    throw new HoldfastError('storage-damaged', 'The artifact is not in the store.');
  }

  async remove(stepKey: string): Promise<void> {
    const { bucket, keys, cache } = this.#parts;
    const found: string[] = [];
    await s3Translated('removing artifacts', async () => {
      for await (const { key } of bucket.list(keys.artifactsOf(stepKey))) found.push(key);
      await inParallel(found, atOnce, (key) => bucket.remove(key));
    });
    for (const key of found) cache.forget(keys.digestOfArtifact(key));
  }

  async check(artifact: Artifact): Promise<'intact' | 'missing' | 'damaged'> {
    const { bucket, keys } = this.#parts;
    const key = keys.artifact(artifact);
    const facts = await s3Translated('checking an artifact', () => bucket.head(key));
    if (facts === null) return 'missing';
    if (facts.size !== artifact.size) return 'damaged';
    const hash = createHash('sha256');
    if (facts.size > 0)
      for await (const bytes of objectBytes(bucket, { key, range: { start: 0, end: facts.size } })) hash.update(bytes);
    return hash.digest('hex') === artifact.sha256 ? 'intact' : 'damaged';
  }
}

/** Of a file that a step made. Links and special files are refused: a step's tool must not publish what it points at. */
async function factsOf(path: string): Promise<{ size: number; sha256: Sha256 }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      throw notAFile(error);
    },
  );
  try {
    if (!(await file.stat()).isFile()) throw notAFile();
    const hash = createHash('sha256');
    let size = 0;
    for await (const bytes of file.createReadStream({ autoClose: false })) {
      hash.update(bytes as Buffer);
      size += (bytes as Buffer).byteLength;
    }
    return { size, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}
