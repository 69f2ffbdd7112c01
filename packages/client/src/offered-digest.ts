/**
 * The SHA-256 of a whole file before it is sent: the server completes at once what it has already. The platform's digest cannot stream,
 * so the file must fit into the worker's memory; and reading it twice must be cheap against sending it once.
 */
import { readSpan } from './source-reading.ts';
import type { UploadApi } from './upload-api.ts';
import type { OfferDigest } from './upload-client.ts';
import type { UploadSource } from './upload-source.ts';

const mebibyte = 2 ** 20;
/** Below, sending it is as quick as asking. */
const autoBytesMin = mebibyte;
/** About half a second of reading and hashing. */
const autoBytesMax = 64 * mebibyte;
/** What one ArrayBuffer can be trusted to hold everywhere. */
const alwaysBytesMax = 1_024 * mebibyte;

export interface DigestOffer {
  readonly api: UploadApi;
  readonly source: UploadSource;
  readonly offerDigest: OfferDigest;
  readonly signal: AbortSignal;
}

/** Null when none shall or can be made. @throws UploadError `source-unreadable`, `source-changed`; the signal's reason. */
export async function digestToOffer({ api, source, offerDigest, signal }: DigestOffer): Promise<string | null> {
  const { hashing } = api;
  const { size } = source;
  // In the page's own thread it would stop the page.
  if (hashing === undefined || offerDigest === 'never' || size > alwaysBytesMax) return null;
  if (offerDigest === 'auto' && (size < autoBytesMin || size > autoBytesMax)) return null;
  const content = await readSpan(source, { start: 0, end: size }, signal);
  return content instanceof Blob ? hashing.sha256(content, signal) : null;
}
