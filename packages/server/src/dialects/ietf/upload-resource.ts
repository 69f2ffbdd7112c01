/** Requests to an upload: where it goes on, more of it, no more of it (draft, "Offset Retrieval", "Upload Append", "Upload Cancellation"). */
import type { FastifyReply } from 'fastify';
import { HoldfastError, unreachable } from '../../core/errors.ts';
import type { InterruptibleBody } from '../../core/ports/body-source.ts';
import { refusal } from '../../core/receiving-rules.ts';
import type { Upload } from '../../core/upload.ts';
import { ietfProtocol } from './context.ts';
import { refuseForGood } from './creation.ts';
import { contentDigestOf } from './digests.ts';
import type { Exchange } from './exchange.ts';
import { answerFinal, sayReprDigest } from './final-response.ts';
import { partialUpload } from './interop.ts';
import { problemCodeOf } from './problems.ts';

/** HEAD and GET. A request that is still sending the upload is ended: the offset in the answer is the one to go on from. */
export async function answerOffset(exchange: Exchange, id: string): Promise<FastifyReply> {
  const { context, reply } = exchange;
  reply.header('cache-control', 'no-store');
  await ownUpload(exchange, id);
  const upload = await context.uploads.settled(exchange.handle(id));
  exchange.sayComplete(isAnswered(upload));
  exchange.sayOffset(upload.receivedBytes);
  exchange.sayLimits(upload);
  if (upload.size !== null) reply.header('upload-length', String(upload.size));
  sayReprDigest(exchange, upload);
  return reply.code(204).send();
}

/** PATCH. */
export async function answerAppend(exchange: Exchange, id: string): Promise<FastifyReply> {
  const body = exchange.context.body(exchange.request);
  exchange.sayComplete(false);
  try {
    const upload = await ownUpload(exchange, id);
    exchange.sayLimits(upload);
    return await append(exchange, upload, body).catch(async (error: unknown) => {
      if (error instanceof HoldfastError && isCompleted(error)) exchange.sayOffset(upload.receivedBytes);
      await refuseForGood(exchange, id, error);
      throw error;
    });
  } catch (error) {
    return await exchange.refuse(error, body);
  } finally {
    await body.abandon();
  }
}

async function append(exchange: Exchange, upload: Upload, body: InterruptibleBody): Promise<FastifyReply> {
  const { context, request, reply } = exchange;
  const { offset, complete } = required(exchange);
  if (isReplay(exchange, upload)) return await answerFinal(exchange, upload);
  const { upload: next } = await context.uploads.append({
    ...context.caller(request),
    uploadId: upload.id,
    offset,
    declaredLength: exchange.bodyLength,
    size: exchange.length,
    digest: contentDigestOf(request.headers['content-digest']),
    end: complete,
    body,
    recorded: (now) => exchange.progress(now),
  });
  if (complete) return await answerFinal(exchange, next);
  exchange.sayOffset(next.receivedBytes);
  exchange.sayLimits(next);
  return reply.code(exchange.interop.appendedStatus).send();
}

/** DELETE. A request that is still sending the upload is ended first. */
export async function answerCancel(exchange: Exchange, id: string): Promise<FastifyReply> {
  exchange.sayComplete(false);
  await ownUpload(exchange, id);
  await exchange.context.uploads.cancel(exchange.handle(id));
  exchange.reply.removeHeader(exchange.interop.completeness);
  return exchange.reply.code(204).send();
}

/** Throws `upload-not-found`, `wrong-protocol`. */
async function ownUpload(exchange: Exchange, id: string): Promise<Upload> {
  const upload = await exchange.context.uploads.find(exchange.handle(id));
  if (upload.protocol === ietfProtocol) return upload;
  throw new HoldfastError(
    'wrong-protocol',
    `The upload was created by the protocol "${upload.protocol}"; go on with that one.`,
    { details: { protocol: upload.protocol } },
  );
}

/** What an append cannot do without. Throws `unsupported-type`, `invalid-request`. */
function required(exchange: Exchange): { offset: number; complete: boolean } {
  const { interop, offset } = exchange;
  const complete = exchange.complete ?? endsHere(exchange);
  if (interop.typedAppends && exchange.contentType.essence !== partialUpload) {
    exchange.reply.header('accept-patch', partialUpload);
    throw new HoldfastError('unsupported-type', `Bytes are appended as Content-Type: ${partialUpload}.`);
  }
  if (offset === null)
    throw new HoldfastError('invalid-request', 'Upload-Offset is missing, or not a whole number of bytes from 0.');
  if (complete === null)
    throw new HoldfastError(
      'invalid-request',
      `${interop.completeness} is missing, or neither ?1 nor ?0: it says whether the file ends with this request.`,
    );
  return { offset, complete };
}

/** tus-js-client that comes to the end of a stream only then learns its length, and says that instead: no more bytes, and these were all. */
function endsHere({ offset, length, bodyLength }: Exchange): true | null {
  return bodyLength === 0 && length !== null && length === offset ? true : null;
}

/** Asks again what became of a whole file that turned out not to be what it should be; of other whole files the service says it. */
function isReplay({ offset, complete, bodyLength }: Exchange, upload: Upload): boolean {
  return upload.phase.name === 'failed' && complete === true && bodyLength === 0 && offset === upload.receivedBytes;
}

function isCompleted(error: HoldfastError): boolean {
  const code = problemCodeOf(error);
  return code === 'completed-upload' || code === 'upload-finishing';
}

/** Whether the whole file was taken and something became of it. Throws `upload-closed` when there is nothing to go on with. */
function isAnswered(upload: Upload): boolean {
  const { phase } = upload;
  switch (phase.name) {
    case 'receiving':
    case 'paused':
    case 'validating':
    case 'assembling':
      return false;
    case 'completed':
      return true;
    case 'failed':
      if (phase.code === 'storage-damaged') throw closed(upload);
      return true;
    case 'cancelled':
    case 'expired':
      throw closed(upload);
    default:
      return unreachable(phase);
  }
}

function closed(upload: Upload): HoldfastError {
  return refusal(upload) ?? new HoldfastError('internal', 'The upload takes bytes.');
}
