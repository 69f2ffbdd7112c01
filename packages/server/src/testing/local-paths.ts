/** Where a store on a local disk has a file, for tests that look at it, or damage it, behind the store's back. */
import type { ArtifactStore } from '../core/ports/artifact-store.ts';
import type { BlobStore } from '../core/ports/blob-store.ts';

export async function assetPath(blobs: Pick<BlobStore, 'localAsset'>, digest: string): Promise<string> {
  return (await blobs.localAsset(digest)).path;
}

/** By the key of its step and its name: what is in the file does not matter to a disk. */
export async function artifactPath(
  artifacts: Pick<ArtifactStore, 'localFile'>,
  stepKey: string,
  name: string,
): Promise<string> {
  return (await artifacts.localFile({ stepKey, name, contentType: '', size: 0, sha256: '0'.repeat(64) })).path;
}
