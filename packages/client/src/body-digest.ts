/** Sending a body with its SHA-256: read once → hash → send the same bytes. Runs in the worker, or in the page where there is none. */
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
  const bytes = await blobBytes(body);
  const digest = formatSha256Digest(await sha256Hex(bytes));
  options.signal.throwIfAborted();
  return transport.send({ ...request, headers: { ...headers, 'content-digest': digest }, body: bytes }, options);
}
