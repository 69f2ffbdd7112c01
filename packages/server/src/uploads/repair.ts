/**
 * Stored bytes against their recorded checksums. Run when the machine went down uncleanly under durability `committed`, when storage
 * says that bytes are gone, and before a digest mismatch is blamed on the client.
 */
import { transition } from '../core/transition.ts';
import type { Extent, Sha256, Upload } from '../core/upload.ts';
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
  const whole = upload.phase.name === 'validating' ? wholeDigest(upload, extents) : null;
  if (whole !== null && (await deps.blobs.assetSize(whole)) === upload.size) return [];
  const damaged: Extent[] = [];
  for (const extent of extents) {
    const range = { start: extent.offset, end: extent.offset + extent.length };
    if ((await deps.blobs.checksum(upload.id, range)) !== extent.crc32) damaged.push(extent);
  }
  return damaged;
}

/** Drops every recorded extent whose bytes are not what was recorded, so that the client is asked for them again. Resolves to the bytes dropped. */
export async function dropDamaged(deps: UploadDependencies, uploadId: string, reason: string): Promise<number> {
  const upload = await deps.store.find(uploadId);
  if (!upload) return 0;
  let dropped = 0;
  for (const extent of await damagedExtents(deps, upload)) {
    if (await dropExtent(deps, { uploadId, extent, reason })) dropped += extent.length;
  }
  if (dropped > 0) {
    deps.observer.dropped(dropped);
    deps.log.warn(
      { uploadId, bytes: dropped, reason },
      'stored bytes are not what was recorded; asking for them again',
    );
  }
  return dropped;
}

async function dropExtent(
  deps: UploadDependencies,
  damaged: { uploadId: string; extent: Extent; reason: string },
): Promise<boolean> {
  const { uploadId, extent, reason } = damaged;
  const now = deps.clock.now();
  const decision = await deps.store.decide(uploadId, extent.offset, (upload: Upload, stored) => {
    const same = stored !== null && stored.length === extent.length && stored.crc32 === extent.crc32;
    return transition(upload, same ? stored : null, { type: 'drop', reason, ttlMs: deps.limits.uploadTtlMs }, now);
  });
  return decision?.kind === 'accept' && decision.writes.length > 0;
}
