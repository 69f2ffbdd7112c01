/** How a new upload begins. */
import { type Creation, newUpload } from '../core/creation.ts';
import { HoldfastError, invariant } from '../core/errors.ts';
import { completedByOwner } from '../core/finishing-rules.ts';
import { underGrant } from '../core/grant.ts';
import { assertDeclaredType } from '../core/media-type.ts';
import type { Decision, Write } from '../core/ports/upload-store.ts';
import { transition } from '../core/transition.ts';
import type { Lease, Millis, NewEvent, Upload } from '../core/upload.ts';
import type { Caller } from './caller.ts';
import { conditionsOf, refuseUnjudged } from './creation-conditions.ts';
import type { UploadDependencies } from './dependencies.ts';

export interface CreateRequest extends Omit<Creation, 'id' | 'allowedTypes'>, Caller {
  /** Makes it a recording: its facts are kept for good, and found by this subject. */
  readonly recording?: { readonly subject: string };
}

/** A new upload with what happened to it so far, before anybody knows of it. */
export interface Beginning {
  readonly upload: Upload;
  readonly events: readonly NewEvent[];
  readonly writes: readonly Write[];
}

/** The upload that is asked for, within what the caller was granted. Throws what `newUpload` says, and `unsupported-type`. */
export function requested(
  deps: UploadDependencies,
  request: CreateRequest,
  now: Millis,
): { upload: Upload; event: NewEvent } {
  const { grant = null } = request;
  const wish = grant ? underGrant(request, grant) : request;
  const made = newUpload({ ...wish, id: deps.newId() }, deps.limits, now);
  assertDeclaredType(made.upload.contentType, [deps.allowedTypes, made.upload.allowedTypes]);
  refuseUnjudged(made.upload, deps.allowedTypes);
  return made;
}

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
  // Its bytes may be gone: then they are to come, which is how they get back.
  if (owned !== null && owned.size === upload.size && (await deps.blobs.assetSize(owned.id)) === owned.size) {
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

/** The row of a new upload, with everything that has to hold for it. Throws `too-many-uploads`, `quota-exceeded`, `token-used`. */
export async function insertUpload(
  deps: UploadDependencies,
  request: CreateRequest,
  begun: Beginning,
): Promise<Upload> {
  const { store, limits, observer, log } = deps;
  const { upload, events } = begun;
  const instant = upload.phase.name === 'completed';
  const kept: Write[] = request.recording ? [{ type: 'keep-recording', ...request.recording }] : [];
  const { grant = null } = request;
  const conditions = conditionsOf({ grant, live: !instant, liveBytesMax: limits.liveBytesMax });
  const writes = [...begun.writes, ...kept, ...conditions];
  if (!(await store.create(upload, events, writes, limits.liveUploadsMax)))
    throw new HoldfastError(
      'too-many-uploads',
      `There are already ${limits.liveUploadsMax} unfinished uploads. Finish or cancel some of them.`,
      { details: { liveUploadsMax: limits.liveUploadsMax } },
    );
  observer.created(upload.protocol);
  const { id: uploadId, safeName: filename, size, chunkSize } = upload;
  log.info({ uploadId, filename, size, chunkSize, instant }, 'upload created');
  return { ...upload, lastEvent: events.length };
}
