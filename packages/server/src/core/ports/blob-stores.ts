/** Everything that keeps bytes, opened together: one shape for every kind of store. */
import type { Sha256 } from '../upload.ts';
import type { FileFacts } from '../watch.ts';
import type { ArtifactStore } from './artifact-store.ts';
import type { BlobStore } from './blob-store.ts';
import type { DirectBlobs } from './direct-blobs.ts';
import type { BytePath, FileIntake } from './file-intake.ts';

export interface OutsideFile {
  readonly path: BytePath;
  readonly facts: FileFacts;
}

/** Where assets are that are not in the store. Filled at start, and by whoever takes or moves such a file. */
export type OutsideFiles = Map<Sha256, OutsideFile>;

export interface BlobStores {
  /** Closing it lets go of what the others use, too. */
  readonly blobs: BlobStore;
  readonly artifacts: ArtifactStore;
  readonly intake: FileIntake;
  /** Assets whose bytes are not in the store; the caller fills it. */
  readonly outside: OutsideFiles;
  /**
   * Removes what crashes left, as far as nobody knows of it and it is older than that. Lists the store, so it is to be run rarely. Null where
   * nothing is left that the index does not know.
   */
  readonly removeOrphans:
    | ((olderThanMs: number) => Promise<{ readonly objects: number; readonly multipartUploads: number }>)
    | null;
  /** Null where only this server reaches the bytes. */
  readonly direct: DirectBlobs | null;
}
