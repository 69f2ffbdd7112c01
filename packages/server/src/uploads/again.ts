/**
 * A chunk that is stored and comes again. The same bytes are acknowledged again, as long as the upload is not cancelled, expired or failed;
 * others are refused. Nothing is written.
 */
import { digestBy } from '../core/digest.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Range } from '../core/extents.ts';
import type { Comparison } from '../core/ports/blob-store.ts';
import { hasEveryByte } from '../core/receiving-rules.ts';
import type { Extent, Upload } from '../core/upload.ts';
import { checkDigest, type Delivered, wantedDigests } from './chunk-digests.ts';
import { notFound } from './decide.ts';
import type { UploadDependencies } from './dependencies.ts';

export interface Again {
  readonly upload: Upload;
  /** What is recorded of the place; null if nothing is, which is so in uploads that completed by their digest. */
  readonly extent: Extent | null;
  readonly range: Range;
  readonly delivery: Delivered;
  /** What a failure to read stored bytes means. */
  explain(upload: Upload, error: unknown): Promise<unknown>;
}

/** The extent that is acknowledged, with the digests of its bytes. Throws `chunk-conflict`, `digest-mismatch`, `body-*`, and what `explain` says. */
export async function acknowledgeAgain(
  deps: UploadDependencies,
  again: Again,
): Promise<{ readonly extent: Extent; readonly digests: Comparison['digests'] }> {
  const { upload, extent, range, delivery } = again;
  const { phase } = upload;
  const request = {
    stored: phase.name === 'completed' ? { asset: phase.assetId } : { uploadId: upload.id },
    offset: range.start,
    length: range.end - range.start,
    body: delivery.body,
    digests: wantedDigests(delivery, extent?.sha256 != null),
  };
  const comparison = await deps.blobs.compare(request).catch(async (error: unknown) => {
    throw await again.explain(upload, error);
  });
  const { digests } = comparison;
  const declared = delivery.digest ?? delivery.lateDigest?.() ?? null;
  if (declared) checkDigest(delivery.index, declared, digests);
  const same = comparison.same ?? (await sameByChecksum(deps, again, comparison));
  if (!same) throw conflict(delivery.index, range.start);
  if (extent) return { extent, digests };
  const crc32 = comparison.same === false ? 0 : comparison.crc32;
  const receivedAt = phase.name === 'completed' ? phase.at : upload.updatedAt;
  const sha256 = digestBy(digests, 'sha-256');
  return { extent: { offset: range.start, length: request.length, crc32, sha256, receivedAt }, digests };
}

/** The bytes were put away while the body came in, or are damaged: then what is recorded of them decides, or nobody can tell. */
async function sameByChecksum(
  deps: UploadDependencies,
  { upload, extent, explain }: Again,
  comparison: Extract<Comparison, { same: null }>,
): Promise<boolean> {
  const current = await deps.store.find(upload.id);
  if (!current) throw notFound(upload.id);
  if (!extent || !hasEveryByte(current)) throw await explain(current, comparison.reason);
  const sha256 = digestBy(comparison.digests, 'sha-256');
  return extent.crc32 === comparison.crc32 && (extent.sha256 === null || extent.sha256 === sha256);
}

function conflict(index: number, offset: number): HoldfastError {
  return new HoldfastError(
    'chunk-conflict',
    `Chunk ${index} is already stored with other bytes; the stored ones are kept. If the file has changed, start a new upload.`,
    { details: { index, offset } },
  );
}
