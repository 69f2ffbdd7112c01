/** HEAD, PATCH, DELETE and GET on /files/:id. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import type { Upload } from '../../core/upload.ts';
import type { Handle } from '../../uploads/service.ts';
import { checksumOf } from './checksum.ts';
import type { TusContext } from './context.ts';
import { declaredType } from './declared-type.ts';
import { bodyLength, checkBytesType, wholeNumber } from './fields.ts';
import { expires, facts, protocol } from './render.ts';

export async function head(request: FastifyRequest, reply: FastifyReply, context: TusContext): Promise<FastifyReply> {
  const handle = handleOf(request, context);
  const upload = own(await context.uploads.current(handle));
  return facts(reply, upload, await context.uploads.length(upload)).send();
}

export async function patch(request: FastifyRequest, reply: FastifyReply, context: TusContext): Promise<FastifyReply> {
  const body = context.body(request);
  try {
    const handle = handleOf(request, context);
    checkBytesType(declaredType(request));
    const offset = wholeNumber(request, 'upload-offset');
    if (offset === null) throw new HoldfastError('invalid-request', 'A PATCH has the Upload-Offset of its bytes.');
    const { upload } = await context.uploads.append({
      ...context.caller(request),
      uploadId: handle.id,
      offset,
      size: wholeNumber(request, 'upload-length'),
      declaredLength: bodyLength(request),
      digest: checksumOf(request),
      end: false,
      body,
    });
    return expires(reply, upload).code(204).header('upload-offset', upload.receivedBytes).send();
  } finally {
    await body.abandon();
  }
}

export async function terminate(
  request: FastifyRequest,
  reply: FastifyReply,
  context: TusContext,
): Promise<FastifyReply> {
  const handle = handleOf(request, context);
  await resource(handle, context);
  await context.uploads.withdraw(handle);
  return reply.code(204).send();
}

/** The content, once the upload is completed: for a link in a page, not part of tus. */
export async function get(request: FastifyRequest, reply: FastifyReply, context: TusContext): Promise<FastifyReply> {
  const { phase } = await resource(handleOf(request, context), context);
  if (phase.name !== 'completed')
    throw new HoldfastError(
      'upload-finishing',
      'The upload is not completed yet; its content can be read afterwards.',
      {
        details: { state: phase.name },
      },
    );
  return reply.header('cache-control', 'no-store').redirect(`/v1/assets/${phase.assetId}/content`, 302);
}

async function resource(handle: Handle, context: TusContext): Promise<Upload> {
  return own(await context.uploads.resource(handle));
}

/** What another protocol created is no resource of this one. */
function own(upload: Upload): Upload {
  if (upload.protocol !== protocol) throw unknown(upload.id);
  return upload;
}

/** From here on the log lines of the request have the upload. */
function handleOf(request: FastifyRequest, context: TusContext): Handle {
  const { id = '' } = request.params as { id?: string };
  if (!/^[0-9a-z-]{8,64}$/.test(id)) throw unknown(id);
  request.log = request.log.child({ uploadId: id });
  return { ...context.caller(request), id };
}

function unknown(id: string): HoldfastError {
  return new HoldfastError('upload-not-found', `There is no upload ${id.slice(0, 64)} here.`);
}
