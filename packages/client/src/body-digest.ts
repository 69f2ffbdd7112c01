/**
 * Sending a Blob with its SHA-256, in the worker or in the page where there is none. What is sent is the Blob, not the bytes that were read
 * of it: those would lie in this process until the last one is sent. Should it change in between, the server refuses it by the digest.
 */
import { formatSha256Digest } from '@holdfast/protocol';
import { canDigest, sha256Hex } from './sha256.ts';
import type { Transport, TransportOptions, TransportRequest, TransportResponse } from './transport.ts';
import { blobBytes } from './upload-source.ts';

/** @throws UploadError `source-unreadable`, what the transport throws. */
export async function sendWithDigest(
  transport: Transport,
  request: TransportRequest,
  options: TransportOptions,
): Promise<TransportResponse> {
  const { body, digestBody, headers } = request;
  if (digestBody !== true || !(body instanceof Blob) || !canDigest()) return transport.send(request, options);
  const digest = formatSha256Digest(await sha256Hex(await blobBytes(body)));
  options.signal.throwIfAborted();
  return transport.send({ ...request, headers: { ...headers, 'content-digest': digest } }, options);
}
