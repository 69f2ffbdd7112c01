/** PUT /v1/uploads/:id/chunks/:index: a raw body straight to its place. */
import type { FastifyPluginAsync } from 'fastify';
import { parseDictionary } from 'structured-headers';
import { Type } from 'typebox';
import type { Digest } from '../../core/digest.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { NativeContext } from './context.ts';
import { renderReceipt } from './render.ts';

export function chunkRoute(context: NativeContext): FastifyPluginAsync {
  return async (app) => {
    // The body is bytes whatever its declared type, even a malformed one; nothing may parse or gather it.
    app.addHook('onRequest', async (request) => {
      request.raw.headers['content-type'] = 'application/octet-stream';
    });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));

    const schema = {
      tags: ['uploads'],
      summary: 'Send one chunk; the answer acknowledges it durably',
      description:
        'Raw body of exactly the chunk’s bytes. `Content-Digest: sha-256=:…:` (RFC 9530) is checked before the receipt.',
      params: Type.Object({ id: Type.String({ maxLength: 64 }), index: Type.String({ maxLength: 16 }) }),
      response: { 200: Type.Ref('ChunkReceipt'), '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') },
    };
    app.put<{ Params: { id: string; index: string } }>('/v1/uploads/:id/chunks/:index', { schema }, async (request) => {
      const body = context.body(request);
      try {
        const index = indexOf(request.params.index);
        const receipt = await context.uploads.receiveChunk({
          uploadId: request.params.id,
          ...context.caller(request),
          index,
          declaredLength: lengthOf(request.headers['content-length']),
          digest: digestOf(request.headers['content-digest']),
          body,
        });
        return renderReceipt(receipt, index);
      } finally {
        await body.abandon();
      }
    });
  };
}

/** Throws `invalid-chunk-index`. */
export function indexOf(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new HoldfastError('invalid-chunk-index', `"${text}" is not a chunk index; indexes are whole numbers from 0.`);
  return Number(text);
}

function lengthOf(header: string | undefined): number | null {
  return header === undefined ? null : Number(header);
}

/** The SHA-256 of a `Content-Digest` header; other algorithms in it are passed over. Throws `invalid-digest`. */
export function digestOf(header: string | readonly string[] | undefined): Digest | null {
  if (header === undefined) return null;
  const digest = memberOf(typeof header === 'string' ? header : header.join(', '));
  if (digest === null) return null;
  if (digest.byteLength !== 32)
    throw new HoldfastError('invalid-digest', 'The sha-256 in Content-Digest does not have 32 bytes.');
  return { algorithm: 'sha-256', value: Buffer.from(digest).toString('hex') };
}

function memberOf(header: string): ArrayBuffer | null {
  try {
    const member = parseDictionary(header).get('sha-256');
    if (member === undefined) return null;
    if (member[0] instanceof ArrayBuffer) return member[0];
  } catch (cause) {
    throw new HoldfastError(
      'invalid-digest',
      'Content-Digest is not a structured field dictionary such as sha-256=:<base64>: (RFC 9530).',
      { cause },
    );
  }
  throw new HoldfastError(
    'invalid-digest',
    'The sha-256 in Content-Digest is not a byte sequence :<base64>: (RFC 9530).',
  );
}
