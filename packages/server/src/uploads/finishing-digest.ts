import type { UploadStore } from '../core/ports/upload-store.ts';
import type { Sha256, Upload } from '../core/upload.ts';
import { wholeDigest } from './repair.ts';

/** What an upload that is being finished may have put into the asset store already: it publishes it when it goes on. */
export async function finishingDigest(store: Pick<UploadStore, 'extents'>, upload: Upload): Promise<Sha256 | null> {
  if (upload.phase.name === 'assembling') return upload.phase.digest;
  return upload.phase.name === 'validating' ? wholeDigest(upload, await store.extents(upload.id)) : null;
}
