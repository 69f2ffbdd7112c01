/** How a new upload begins. */
import { HoldfastError, invariant } from '../core/errors.ts';
import { completedByOwner } from '../core/finishing-rules.ts';
import type { Decision } from '../core/ports/upload-store.ts';
import { transition } from '../core/transition.ts';
import type { Lease, Millis, Upload } from '../core/upload.ts';
import type { UploadDependencies } from './dependencies.ts';

/**
 * Completed when the principal owns the content, validating when there are no bytes to wait for, receiving otherwise. It is part of the
 * transaction that creates the upload: a crash in between would leave an empty file waiting for bytes. `mayTell`: whether whoever asks
 * may learn what the principal owns; the bearer of an upload token may not.
 */
export async function begin(
  deps: UploadDependencies,
  upload: Upload,
  { lease, now, mayTell }: { readonly lease: Lease; readonly now: Millis; readonly mayTell: boolean },
): Promise<Extract<Decision, { kind: 'accept' }>> {
  const single = upload.concatenation.role === 'none';
  const { expectedDigest } = upload;
  const owned =
    expectedDigest?.algorithm !== 'sha-256' || !single || !mayTell
      ? null
      : await deps.store.findAsset(expectedDigest.value, upload.principal);
  if (owned !== null && owned.size === upload.size) {
    const runs = deps.planRuns(owned, { kind: 'upload', metadata: upload.metadata });
    return completedByOwner(upload, { ...owned, runs }, now);
  }
  const isWhole = upload.size === 0 && upload.ends === 'by-length' && single;
  if (!isWhole) return { kind: 'accept', next: upload, events: [], writes: [] };
  const sealed = transition(upload, null, { type: 'seal', lease }, now);
  invariant(sealed.kind === 'accept', 'a new upload is receiving');
  return sealed;
}

/** Throws `insufficient-storage`. */
export async function checkRoom(deps: UploadDependencies, size: number): Promise<void> {
  const free = await deps.blobs.freeBytes();
  if (free === null || free >= size) return;
  throw new HoldfastError('insufficient-storage', `The store has ${free} bytes left; the file has ${size}.`, {
    details: { size, freeBytes: free },
  });
}
