/** Requests to the collection: they create an upload, and bring as much of the file as they like (draft, "Upload Creation"). */
import { parse as parseDisposition } from 'content-disposition';
import type { FastifyReply } from 'fastify';
import { toldLength } from '../../core/appending-rules.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { InterruptibleBody } from '../../core/ports/body-source.ts';
import type { Upload } from '../../core/upload.ts';
import { ietfProtocol } from './context.ts';
import { contentDigestOf, reprDigestOf } from './digests.ts';
import type { Exchange } from './exchange.ts';
import { textOf } from './fields.ts';
import { answerFinal, assetUrl, outcomeOf, renderOutcome, sayReprDigest } from './final-response.ts';
import { partialUpload } from './interop.ts';

/** `collection`: the path that uploads are created at, and lie below. */
export async function answerCreation(exchange: Exchange, collection: string): Promise<FastifyReply> {
  const { complete, context, request } = exchange;
  const body = context.body(request);
  exchange.sayLimits(null);
  try {
    if (complete === null) return await conventional(exchange, body);
    exchange.sayComplete(false);
    return await resumable(exchange, { body, collection, complete });
  } catch (error) {
    return await exchange.refuse(error, body);
  } finally {
    await body.abandon();
  }
}

interface Resumable {
  readonly body: InterruptibleBody;
  readonly collection: string;
  readonly complete: boolean;
}

async function resumable(exchange: Exchange, { body, collection, complete }: Resumable): Promise<FastifyReply> {
  const { reply } = exchange;
  const created = await create(exchange, complete);
  const location = `${collection}/${created.id}`;
  reply.header('location', location);
  exchange.sayLimits(created);
  exchange.announce(created, location);
  // The principal owns this very content already: the server completes the upload by itself, whatever is still to come of the body.
  if (created.phase.name === 'completed') return await answerFinal(exchange, created);
  const recorded = (now: Upload) => exchange.progress(now);
  const upload =
    complete || exchange.bodyLength !== 0 ? await receive(exchange, { created, body, complete, recorded }) : created;
  if (complete) return await answerFinal(exchange, upload);
  exchange.sayOffset(upload.receivedBytes);
  exchange.sayLimits(upload);
  return reply.code(201).send();
}

/** Without a (valid) `Upload-Complete` it is an upload as ever: whole in this request, or not at all. */
async function conventional(exchange: Exchange, body: InterruptibleBody): Promise<FastifyReply> {
  const { context, reply } = exchange;
  const created = await create(exchange, true);
  try {
    if (created.phase.name !== 'completed')
      await receive(exchange, { created, body, complete: true, recorded: () => {} });
  } catch (error) {
    // Nobody knows of the upload, unless by asking with its token again, so nobody could go on with it. One that failed of this has ended by
    // itself; the reason is what is answered.
    const { grant = null } = context.caller(exchange.request);
    if (grant === null) await context.uploads.cancel(exchange.handle(created.id)).catch(() => {});
    throw error;
  }
  const ended = await outcomeOf(exchange, created);
  sayReprDigest(exchange, ended);
  reply.header('location', assetUrl(ended));
  return reply.code(ended.phase.name === 'completed' ? 201 : 202).send(renderOutcome(ended));
}

async function create(exchange: Exchange, complete: boolean): Promise<Upload> {
  const { context, request, bodyLength } = exchange;
  const { headers } = request;
  const size = toldLength({ offset: 0, size: exchange.length, declaredLength: bodyLength, end: complete });
  const expected = reprDigestOf(headers['repr-digest']);
  const coding = headers['content-encoding'];
  const wanted = textOf(headers['want-repr-digest']);
  // Wrong digests are refused before there is an upload.
  contentDigestOf(headers['content-digest']);
  const { upload } = await context.uploads.create({
    ...context.caller(request),
    protocol: ietfProtocol,
    filename: filenameOf(headers['content-disposition']) ?? 'unnamed',
    contentType: contentTypeOf(exchange),
    size,
    intake: 'append',
    ends: 'by-client',
    // The bytes are kept as they were coded (draft, "Content Codings"); this says how.
    ...(coding === undefined ? {} : { metadata: { 'content-encoding': coding } }),
    ...(expected === null ? {} : { expectedDigest: expected }),
    ...(wanted === undefined ? {} : { dialectData: { 'want-repr-digest': wanted } }),
  });
  exchange.created(upload);
  return upload;
}

interface Content {
  readonly created: Upload;
  readonly body: InterruptibleBody;
  readonly complete: boolean;
  readonly recorded: (upload: Upload) => void;
}

async function receive(exchange: Exchange, { created, body, complete, recorded }: Content): Promise<Upload> {
  const { context, request, bodyLength } = exchange;
  try {
    const { upload } = await context.uploads.append({
      ...exchange.handle(created.id),
      uploadId: created.id,
      offset: 0,
      declaredLength: bodyLength,
      size: null,
      digest: contentDigestOf(request.headers['content-digest']),
      end: complete,
      body,
      recorded,
    });
    return upload;
  } catch (error) {
    await refuseForGood(exchange, created.id, error);
    throw error;
  }
}

/** More bytes than the length: the upload is not to be trusted and takes nothing more (draft, "Upload Append"). */
export async function refuseForGood(exchange: Exchange, id: string, error: unknown): Promise<void> {
  if (!(error instanceof HoldfastError) || error.code !== 'body-too-long') return;
  await exchange.context.uploads.cancel(exchange.handle(id));
}

/** The name in `Content-Disposition` (RFC 6266); null without one. */
function filenameOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  try {
    const name = parseDisposition(header).parameters['filename'];
    return name === undefined || name === '' ? null : name;
  } catch {
    return null;
  }
}

/** Throws `unsupported-type` for forms: their parts are not the file. */
function contentTypeOf(exchange: Exchange): string {
  const { essence, full } = exchange.contentType;
  if (essence === 'multipart/form-data')
    throw new HoldfastError(
      'unsupported-type',
      'Send the file itself as the body, with its own Content-Type and its name in Content-Disposition; forms are taken at /api/chunked-upload.',
    );
  // tus-js-client names the type of the message, not that of the file.
  return essence === partialUpload ? '' : full;
}
