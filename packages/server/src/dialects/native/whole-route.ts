/** POST /v1/uploads/whole: a small file in the request that creates its upload. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import { expectedDigest } from '../../uploads/append-checks.ts';
import { wholeBytesMax } from '../../uploads/whole.ts';
import { declaredHeader, takeBodiesUnparsed } from '../declared-type.ts';
import { digestOf } from './chunk-route.ts';
import type { NativeContext } from './context.ts';
import { renderUpload } from './render.ts';
import { uploadTags as tags } from './upload-schemas.ts';

const query = Type.Object({
  filename: Type.String({ description: 'The name of the file.' }),
  metadata: Type.Optional(
    Type.String({ maxLength: 64 * 1024, description: 'Free words about the file, as a JSON object of strings.' }),
  ),
});

export function wholeRoute(context: NativeContext): FastifyPluginAsync {
  return async (app) => {
    takeBodiesUnparsed(app);
    const schema = {
      tags,
      summary: 'Send a small file in one request; the answer acknowledges it durably',
      description: `Raw body of at most ${wholeBytesMax} bytes with a Content-Length; the Content-Type is the file's. \`Content-Digest: sha-256=:…:\` (RFC 9530) is checked before the receipt. A request that fails leaves nothing: send it again.`,
      querystring: query,
      response: { 201: Type.Ref('Upload'), '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') },
    };
    app.post<{ Querystring: { filename: string; metadata?: string } }>(
      '/v1/uploads/whole',
      { schema },
      async (request, reply) => {
        const body = context.body(request);
        try {
          const digest = digestOf(request.headers['content-digest']);
          const view = await context.uploads.createWhole(
            {
              ...context.caller(request),
              protocol: 'native',
              filename: request.query.filename,
              size: sizeOf(request),
              contentType: declaredHeader(request),
              ...(request.query.metadata === undefined ? {} : { metadata: wordsOf(request.query.metadata) }),
            },
            { body, digest: digest && expectedDigest(digest) },
          );
          const shown = renderUpload(view, context.uploads.direct !== null);
          return await reply.code(201).header('location', `/v1/uploads/${view.upload.id}`).send(shown);
        } finally {
          await body.abandon();
        }
      },
    );
  };
}

/** Throws `invalid-size`. */
function sizeOf(request: FastifyRequest): number {
  const header = request.headers['content-length'];
  const size = header === undefined ? Number.NaN : Number(header);
  if (size <= wholeBytesMax) return size;
  throw new HoldfastError(
    'invalid-size',
    header === undefined
      ? 'A file in one request needs a Content-Length.'
      : `A file in one request has at most ${wholeBytesMax} bytes; this one has ${header}. Create an upload and send it in chunks.`,
    { details: { wholeBytesMax } },
  );
}

/** Throws `invalid-request`. */
function wordsOf(text: string): Record<string, string> {
  try {
    const words: unknown = JSON.parse(text);
    const isObject = typeof words === 'object' && words !== null && !Array.isArray(words);
    if (isObject && Object.values(words).every((word) => typeof word === 'string'))
      return words as Record<string, string>;
  } catch {
    // The same answer as to other JSON.
  }
  throw new HoldfastError('invalid-request', 'metadata is a JSON object of strings, such as {"topic":"anatomy"}.');
}
