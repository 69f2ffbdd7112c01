/**
 * The response that the target resource gives for the whole file (draft, "Upload Append", "Upload Creation"): what became of it. It is made
 * from the upload's state each time, so a client that lost it gets it again by an empty append with `Upload-Complete: ?1`.
 */
import type { FastifyReply } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import type { FailureCode, Upload } from '../../core/upload.ts';
import { formatReprDigest, wantsSha256 } from './digests.ts';
import type { Exchange } from './exchange.ts';

/** How long an answer waits for the file to be verified before it says `202 Accepted`; shorter than the time-outs of common proxies. */
const waitMs = 10_000;

const failures: Readonly<Record<FailureCode, true>> = {
  'digest-mismatch': true,
  'storage-damaged': true,
  'unsupported-type': true,
};

/** Answers 200 with the asset, 202 when it is still being verified; throws what the upload failed of. */
export async function answerFinal(exchange: Exchange, upload: Upload): Promise<FastifyReply> {
  const { reply } = exchange;
  const ended = await outcomeOf(exchange, upload);
  const completed = ended.phase.name === 'completed';
  exchange.sayComplete(true);
  exchange.sayOffset(ended.size ?? ended.receivedBytes);
  exchange.sayLimits(ended);
  sayReprDigest(exchange, ended);
  reply.header('content-location', completed ? assetUrl(ended) : statusUrl(ended));
  return reply.code(completed ? 200 : 202).send(renderOutcome(ended));
}

/** The upload once it is completed, or still being verified when the time is up. */
export async function outcomeOf(exchange: Exchange, { id }: Upload): Promise<Upload> {
  try {
    return (await exchange.context.uploads.complete(exchange.handle(id), waitMs)).upload;
  } catch (error) {
    // Every byte was taken: that the file is not what it should be is the target's answer, and nothing is to be sent again here.
    if (error instanceof HoldfastError && Object.hasOwn(failures, error.code)) exchange.sayComplete(true);
    throw error;
  }
}

/** `Repr-Digest` of a whole file, if the client asked for it with this request or when it created the upload. */
export function sayReprDigest({ request, reply }: Exchange, { phase, dialectData }: Upload): void {
  const wanted = wantsSha256(request.headers['want-repr-digest'] ?? dialectData['want-repr-digest']);
  if (wanted && phase.name === 'completed') reply.header('repr-digest', formatReprDigest(phase.assetId));
}

/** Where the file is, once it is whole. */
export function assetUrl({ id, phase }: Upload): string {
  return phase.name === 'completed' ? `/v1/assets/${phase.assetId}` : statusUrl({ id });
}

function statusUrl({ id }: Pick<Upload, 'id'>): string {
  return `/v1/uploads/${id}`;
}

export function renderOutcome(upload: Upload): object {
  const { id, phase, filename, contentType, size } = upload;
  const facts = { uploadId: id, state: phase.name, filename, contentType, size, statusUrl: statusUrl(upload) };
  if (phase.name !== 'completed') return facts;
  const url = assetUrl(upload);
  return { ...facts, assetId: phase.assetId, sha256: phase.assetId, assetUrl: url, contentUrl: `${url}/content` };
}
