/** Bytes of assets and artifacts: Range (RFC 9110 §14), ETag, safe headers for content that a stranger uploaded. */
import { Readable } from 'node:stream';
import { create as contentDisposition } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import parseRange from 'range-parser';
import { HoldfastError } from '../../core/errors.ts';

export interface Content {
  readonly size: number;
  readonly contentType: string;
  /** SHA-256 of the content: the strong ETag. */
  readonly digest: string;
  readonly filename: string;
  readonly download: boolean;
  /** Where else the bytes can be read, with these fields; null: nowhere. */
  address?(head: { readonly contentType: string; readonly disposition: string }): Promise<string | null>;
  open(range: { readonly start: number; readonly end: number }): Promise<Readable>;
}

/** Types that a browser shows without running anything in them. */
const inlineTypes =
  /^(?:(?:audio|video)\/[\w.+-]+|image\/(?:jpeg|png|gif|webp|avif)|text\/(?:plain|vtt)(?:; ?charset=utf-8)?|application\/json)$/;

export async function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  content: Content,
): Promise<FastifyReply> {
  const etag = `"${content.digest}"`;
  const fresh = matches(request.headers['if-none-match'], etag);
  const range = fresh ? null : wanted(request, content.size, etag);
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${content.size}`);
    throw new HoldfastError('range-not-satisfiable', `The content has ${content.size} bytes and none of that range.`, {
      details: { size: content.size },
    });
  }
  const inline = !content.download && inlineTypes.test(content.contentType);
  const contentType = inline ? content.contentType : 'application/octet-stream';
  const disposition = contentDisposition(content.filename, { type: inline ? 'inline' : 'attachment' });
  // An address is for one method; what HEAD and conditional requests ask is known here.
  const elsewhere = !fresh && request.method === 'GET' ? await content.address?.({ contentType, disposition }) : null;
  if (elsewhere) return reply.header('cache-control', 'no-store').redirect(elsewhere, 302);
  reply.headers({
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    'content-type': contentType,
    'content-disposition': disposition,
    // Whatever is in the file, it must not act in our origin.
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
  });
  if (fresh) return reply.code(304).send();
  if (range) reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${content.size}`);
  const { start, end } = range ?? { start: 0, end: content.size };
  reply.header('content-length', end - start);
  // Not nothing, which Fastify would declare as a length of 0.
  if (request.method === 'HEAD') return reply.send(Readable.from([]));
  return reply.send(await content.open({ start, end }));
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || header.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}

/** One satisfiable range (end exclusive), or null for the whole: also for several ranges, malformed ones and a stale If-Range. */
function wanted(
  request: FastifyRequest,
  size: number,
  etag: string,
): { start: number; end: number } | 'unsatisfiable' | null {
  const { range } = request.headers;
  const ifRange = request.headers['if-range'];
  if (range === undefined || (ifRange !== undefined && ifRange !== etag)) return null;
  // A suffix longer than the content means all of it (RFC 9110 §14.1.2), which the library refuses.
  const suffix = Number(/^bytes=-(\d+)$/.exec(range)?.[1] ?? 0);
  const parsed = parseRange(size, suffix > size ? 'bytes=0-' : range);
  if (parsed === -1) return 'unsatisfiable';
  if (parsed === -2 || parsed.type !== 'bytes' || parsed.length !== 1 || !parsed[0]) return null;
  return { start: parsed[0].start, end: parsed[0].end + 1 };
}
