/** What has to hold for an upload to be created, beside what `newUpload` checks. */
import { HoldfastError } from '../core/errors.ts';
import type { Grant } from '../core/grant.ts';
import { isRestricted } from '../core/media-type.ts';
import type { Write } from '../core/ports/upload-store.ts';
import type { Upload } from '../core/upload.ts';

/** To be decided in the transaction that creates the upload. */
export function conditionsOf(facts: { grant: Grant | null; live: boolean; liveBytesMax: number }): Write[] {
  const conditions: Write[] = [];
  if (facts.grant) conditions.push({ type: 'consume-token', tokenId: facts.grant.tokenId });
  if (facts.live && facts.liveBytesMax < Number.MAX_SAFE_INTEGER)
    conditions.push({ type: 'limit-live-bytes', bytesMax: facts.liveBytesMax });
  return conditions;
}

/** The first bytes of a concatenation come with an upload that nobody knows to be the first part of it. */
export function refuseUnjudged(upload: Upload, allowedTypes: readonly string[] | null): void {
  if (upload.concatenation.role === 'none' || !isRestricted([allowedTypes, upload.allowedTypes])) return;
  throw new HoldfastError(
    'unsupported-type',
    'Only some types of files are taken here, so uploads cannot be made of partial ones. Send the file in one upload.',
  );
}
