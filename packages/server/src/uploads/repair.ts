/**
 * Stored bytes against their recorded checksums. Run when the machine went down uncleanly under durability `committed`, when storage
 * says that bytes are gone, and before a digest mismatch is blamed on the client.
 */
import { transition } from '../core/transition.ts';
import type { Extent, Upload } from '../core/upload.ts';
import type { UploadDependencies } from './dependencies.ts';

/** Drops every recorded extent whose bytes are not what was recorded, so that the client is asked for them again. Resolves to the bytes dropped. */
export async function dropDamaged(deps: UploadDependencies, uploadId: string, reason: string): Promise<number> {
  let dropped = 0;
  for (const extent of await deps.store.extents(uploadId)) {
    const range = { start: extent.offset, end: extent.offset + extent.length };
    if ((await deps.blobs.checksum(uploadId, range)) === extent.crc32c) continue;
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
    const same = stored !== null && stored.length === extent.length && stored.crc32c === extent.crc32c;
    return transition(upload, same ? stored : null, { type: 'drop', reason, ttlMs: deps.limits.uploadTtlMs }, now);
  });
  return decision?.kind === 'accept' && decision.writes.length > 0;
}
