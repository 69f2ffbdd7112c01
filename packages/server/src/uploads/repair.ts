/**
 * Stored bytes against their recorded checksums. Run when the machine went down uncleanly under durability `committed`, when storage
 * says that bytes are gone, and before a digest mismatch is blamed on the client.
 */
import { HoldfastError } from '../core/errors.ts';
import { canDrop, hasEveryByte, refusal } from '../core/receiving-rules.ts';
import { transition } from '../core/transition.ts';
import type { Extent, Sha256, Upload } from '../core/upload.ts';
import { notFound } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';

/**
 * The SHA-256 of the whole file if a receipt had it: then the bytes may already be in the asset store although the upload is still
 * recorded as validating (a crash between placing and recording it).
 */
export function wholeDigest(upload: Upload, extents: readonly Extent[]): Sha256 | null {
  const [only] = extents;
  return extents.length === 1 && only && only.length === upload.size ? only.sha256 : null;
}

/** Recorded extents whose bytes are not what was recorded. */
export async function damagedExtents(deps: UploadDependencies, upload: Upload): Promise<Extent[]> {
  const extents = await deps.store.extents(upload.id);
  // Of one in doubt every byte was read before it was put in place, and that it was verified is recorded: it is not validating any more.
  const known = upload.phase.name === 'validating' && upload.doubt === 'none';
  const whole = known ? wholeDigest(upload, extents) : null;
  if (whole !== null && (await deps.blobs.assetSize(whole)) === upload.size) return [];
  const damaged: Extent[] = [];
  for (const extent of extents) {
    const range = { start: extent.offset, end: extent.offset + extent.length };
    if ((await deps.blobs.checksum(upload.id, range)) !== extent.crc32) damaged.push(extent);
  }
  return damaged;
}

/**
 * What went wrong while bytes came in may have its reason in the upload: it ended meanwhile (then what the bytes left behind goes too), or
 * somebody removed its file (then the bytes are asked for again).
 */
export async function explained(deps: UploadDependencies, upload: Upload, error: unknown): Promise<unknown> {
  const damaged = error instanceof HoldfastError && error.code === 'storage-damaged';
  const current = await deps.store.find(upload.id);
  const refused = current ? refusal(current) : notFound(upload.id);
  // Then nothing is wrong with the upload: its bytes are put away, or about to be.
  if (current && refused && hasEveryByte(current)) {
    if (current.phase.name === 'completed') await deps.blobs.discard(upload.id);
    return damaged ? refused : error;
  }
  const ended = refused?.code === 'upload-closed' || refused?.code === 'upload-not-found';
  if (ended) await deps.blobs.discard(upload.id);
  if (refused && (damaged || ended)) return refused;
  if (!damaged) return error;
  // What is there stays, whatever this request has met: its file may have lost its name to a copy, which has everything.
  const dropped = await dropDamaged(deps, upload.id, 'stored bytes are gone');
  if ((await deps.store.find(upload.id))?.receivedBytes === 0) await deps.blobs.makeWay(upload.id);
  return new HoldfastError(
    'unavailable',
    `Storage lost ${dropped} bytes of this upload. Ask for its status and send what is missing again.`,
    { cause: error },
  );
}

/**
 * Of an upload that is taken over while it was put in place: its asset may be there already, and in the incoming area what a process made
 * that had stood still since before the first byte came. That must not take the asset's place.
 */
export async function dropImpostor({ blobs }: UploadDependencies, { id, size }: Upload, digest: Sha256): Promise<void> {
  if (size === null || size === 0 || (await blobs.assetSize(digest)) !== size) return;
  const found = await blobs.hash(id, size, { fresh: true }).catch((error: unknown) => {
    if (error instanceof HoldfastError && error.code === 'storage-damaged') return null;
    throw error;
  });
  if (found !== null && found.sha256 !== digest) await blobs.discard(id);
}

/** Drops every recorded extent whose bytes are not what was recorded, so that the client is asked for them again. Resolves to the bytes dropped. */
export async function dropDamaged(deps: UploadDependencies, uploadId: string, reason: string): Promise<number> {
  const upload = await deps.store.find(uploadId);
  // One that was cancelled meanwhile has no file any more, and each of its extents would be looked for.
  if (!upload || !canDrop(upload)) return 0;
  const damaged = await damagedExtents(deps, upload);
  let dropped = 0;
  for (const extent of upload.intake === 'append' ? await fromFirst(deps, damaged[0], uploadId) : damaged) {
    if (await dropExtent(deps, { uploadId, extent, reason })) dropped += extent.length;
  }
  if (dropped > 0) {
    deps.observer.dropped(dropped);
    deps.log.warn(
      { uploadId, bytes: dropped, reason },
      'stored bytes are not what was recorded; they are not counted any more',
    );
  }
  return dropped;
}

/** Of an upload that is appended to, everything from the first damaged extent on, the last one first: it can only go on where there is no gap. */
async function fromFirst(deps: UploadDependencies, first: Extent | undefined, uploadId: string): Promise<Extent[]> {
  if (first === undefined) return [];
  return (await deps.store.extents(uploadId)).filter((extent) => extent.offset >= first.offset).reverse();
}

async function dropExtent(
  deps: UploadDependencies,
  damaged: { uploadId: string; extent: Extent; reason: string },
): Promise<boolean> {
  const { uploadId, extent, reason } = damaged;
  const now = deps.clock.now();
  const decision = await deps.store.decide(uploadId, extent.offset, (upload: Upload, stored) => {
    // Not one that came again since, with the same bytes: those are there.
    const same =
      stored?.length === extent.length && stored.crc32 === extent.crc32 && stored.receivedAt === extent.receivedAt;
    return transition(upload, same ? stored : null, { type: 'drop', reason, ttlMs: deps.limits.uploadTtlMs }, now);
  });
  return decision?.kind === 'accept' && (decision.writes.length > 0 || decision.next.phase.name === 'failed');
}
