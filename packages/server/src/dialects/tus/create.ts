/** POST /files: creation, with the first bytes if there are any. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import type { CreateRequest } from '../../uploads/service.ts';
import { isWhole, type WholeFile } from '../../uploads/whole.ts';
import { checksumOf } from './checksum.ts';
import { concatenationOf, tusPrefix } from './concat.ts';
import type { TusContext } from './context.ts';
import { declaredType } from './declared-type.ts';
import { bodyLength, checkBytesType, declaredLength, field } from './fields.ts';
import { describe } from './metadata.ts';
import { expires, protocol } from './render.ts';

export async function create(request: FastifyRequest, reply: FastifyReply, context: TusContext): Promise<FastifyReply> {
  const body = context.body(request);
  try {
    const withBytes = bodyLength(request) !== 0;
    if (withBytes) checkBytesType(declaredType(request));
    // Refused before anything is made.
    const digest = checksumOf(request);
    const wish = creationOf(request, context);
    if (withBytes && isWhole(wish, bodyLength(request))) return await taken(wish, { body, digest }, { reply, context });
    const { upload } = await context.uploads.create(wish);
    request.log = request.log.child({ uploadId: upload.id });
    reply.code(201).header('location', `${tusPrefix}/${upload.id}`);
    if (!withBytes) {
      // tus-js-client looks for it in some combinations of its options, though it sent nothing.
      if (upload.size !== null || field(request, 'upload-defer-length') !== null) reply.header('upload-offset', 0);
      return expires(reply, upload).send();
    }
    const { grant = null, ...caller } = context.caller(request);
    const delivery = {
      // Who may create an upload may send it in the same request.
      ...caller,
      uploadId: upload.id,
      offset: 0,
      size: null,
      end: false,
      digest,
      body,
    };
    const receipt = await context.uploads
      .append({ ...delivery, declaredLength: bodyLength(request) })
      .catch(async (error: unknown) => {
        // Nobody was told where it is, unless by asking with its token again.
        if (grant === null) await context.uploads.cancel({ ...caller, id: upload.id }).catch(() => {});
        reply.removeHeader('location');
        throw error;
      });
    return expires(reply, receipt.upload).header('upload-offset', receipt.upload.receivedBytes).send();
  } finally {
    await body.abandon();
  }
}

/** A small file is taken with its creation: what fails leaves nothing, so there is no address to tell. */
async function taken(
  wish: CreateRequest,
  file: WholeFile,
  { reply, context }: { readonly reply: FastifyReply; readonly context: TusContext },
): Promise<FastifyReply> {
  const { upload } = await context.uploads.createWhole(wish, file);
  reply.code(201).header('location', `${tusPrefix}/${upload.id}`).header('upload-offset', upload.receivedBytes);
  return expires(reply, upload).send();
}

function creationOf(request: FastifyRequest, context: TusContext): CreateRequest {
  const concat = field(request, 'upload-concat');
  const concatenation = concatenationOf(concat);
  const metadata = field(request, 'upload-metadata');
  return {
    ...context.caller(request),
    protocol,
    intake: 'append',
    size: concatenation.role === 'final' ? lengthOfFinal(request) : declaredLength(request),
    concatenation,
    ...describe(metadata, context.limits),
    dialectData: {
      ...(metadata === null ? {} : { 'upload-metadata': metadata }),
      ...(concat === null ? {} : { 'upload-concat': concat }),
    },
  };
}

/** It follows from the parts. Throws `invalid-request`. */
function lengthOfFinal(request: FastifyRequest): null {
  const said = ['upload-length', 'upload-defer-length'].some((name) => field(request, name) !== null);
  if (said || bodyLength(request) !== 0)
    throw new HoldfastError('invalid-request', 'A final upload has neither a length nor bytes of its own.');
  return null;
}
