/** Facts → header fields of tus. */
import type { FastifyReply } from 'fastify';
import type { Upload } from '../../core/upload.ts';

export const protocol = 'tus';

/** `Upload-Expires` (IMF-fixdate, RFC 9110 §5.6.7) while the upload is unfinished. */
export function expires(reply: FastifyReply, { phase, expiresAt }: Upload): FastifyReply {
  const unfinished = phase.name === 'receiving' || phase.name === 'paused';
  return unfinished ? reply.header('upload-expires', new Date(expiresAt).toUTCString()) : reply;
}

/** The answer to HEAD. `length` is null while it is not known. */
export function facts(reply: FastifyReply, upload: Upload, length: number | null): FastifyReply {
  const { phase, concatenation, dialectData } = upload;
  // A concatenation has an offset once it is done; any other upload always.
  if (concatenation.role !== 'final' || phase.name === 'completed') reply.header('upload-offset', upload.receivedBytes);
  if (length !== null) reply.header('upload-length', length);
  else if (concatenation.role !== 'final') reply.header('upload-defer-length', 1);
  for (const name of ['upload-metadata', 'upload-concat'])
    if (dialectData[name] !== undefined) reply.header(name, dialectData[name]);
  // Ours: what becomes of the bytes once they are all here.
  reply.header('holdfast-upload-state', phase.name);
  if (phase.name === 'completed') reply.header('holdfast-asset', phase.assetId);
  return expires(reply, upload).header('cache-control', 'no-store');
}
