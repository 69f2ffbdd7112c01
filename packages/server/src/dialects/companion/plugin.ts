/**
 * The routes that `@uppy/aws-s3` asks under its `companionEndpoint`, as Uppy's Companion has them (`/s3/multipart …`). The file goes to the
 * bucket in parts; at the end the server verifies them and makes the asset. Registered with its prefix.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { DirectParts } from '../../uploads/direct-parts.ts';
import type { CompanionContext } from './context.ts';

export const companionPrefix = '/companion';

/** The `protocol` of uploads that this dialect created. */
const protocol = 'companion';
/** How long completion waits for the end, in ms. */
const completeWaitMs = 20_000;
const tags = ['companion'];
const problems = { '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') };
const Id = Type.Object({ id: Type.String({ maxLength: 64 }) });
const Part = Type.Object({ id: Type.String({ maxLength: 64 }), part: Type.String({ pattern: '^[0-9]{1,6}$' }) });
const Wish = Type.Object({
  filename: Type.String({ minLength: 1, maxLength: 1_024 }),
  type: Type.Optional(Type.String({ maxLength: 255 })),
  metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
const Parts = Type.Object({
  parts: Type.Array(Type.Object({ PartNumber: Type.Integer(), ETag: Type.String({ maxLength: 128 }) }), {
    maxItems: 10_000,
  }),
});

/** Throws `direct-not-offered`. */
function offered({ uploads }: CompanionContext): DirectParts {
  if (uploads.direct !== null) return uploads.direct.parts;
  throw new HoldfastError(
    'direct-not-offered',
    'This server hands out no addresses of its store (setting s3Direct). Use @uppy/tus with /files instead.',
  );
}

export function companionDialect(context: CompanionContext): FastifyPluginAsync {
  return async (app) => {
    await app.register(creation(context));
    await app.register(partRoutes(context));
  };
}

function creation(context: CompanionContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get('/s3/params', { schema: { tags, summary: 'Not offered', response: problems } }, async (_request, reply) => {
      // All that Uppy shows of a refusal.
      reply.raw.statusMessage = 'Set shouldUseMultipart: true';
      throw new HoldfastError(
        'direct-not-offered',
        'A file in one request is not reported to the server when it has arrived: set shouldUseMultipart: true in @uppy/aws-s3.',
      );
    });

    app.post(
      '/s3/multipart',
      { schema: { tags, summary: 'Begin', body: Wish, response: problems } },
      async (request) => {
        offered(context);
        const { filename, type, metadata = {} } = request.body;
        const { upload } = await context.uploads.create({
          ...context.caller(request),
          protocol,
          intake: 'append',
          size: null,
          filename,
          ...(type === undefined ? {} : { contentType: type }),
          metadata: textsOf(metadata),
        });
        return { uploadId: upload.id, key: upload.id };
      },
    );
  };
}

function partRoutes(context: CompanionContext): FastifyPluginAsyncTypebox {
  const { uploads } = context;
  return async (app) => {
    app.get(
      '/s3/multipart/:id',
      { schema: { tags, summary: 'Parts', params: Id, response: problems } },
      async (request) => {
        const found = await offered(context).list({ id: request.params.id, ...context.caller(request) });
        return found.map(({ number, size, etag }) => ({ PartNumber: number, Size: size, ETag: `"${etag}"` }));
      },
    );

    const address = { tags, summary: 'Address of a part', params: Part, response: problems };
    app.get(
      '/s3/multipart/:id/:part',
      { schema: address, config: { rate: 'chunks' as const } },
      async (request, reply) => {
        const handle = { id: request.params.id, ...context.caller(request) };
        const { url, expiresIn } = await offered(context).address(handle, Number(request.params.part));
        return await reply.header('cache-control', 'no-store').send({ url, expires: expiresIn });
      },
    );

    const complete = { tags, summary: 'End and verify', params: Id, body: Parts, response: problems };
    app.post('/s3/multipart/:id/complete', { schema: complete }, async (request) => {
      const handle = { id: request.params.id, ...context.caller(request) };
      const sent = request.body.parts.map(({ PartNumber, ETag }) => ({
        number: PartNumber,
        etag: ETag.replace(/^(?:W\/)?"|"$/g, ''),
      }));
      await offered(context).complete(handle, sent);
      await uploads.complete(handle, completeWaitMs);
      return { location: context.address(`/v1/uploads/${handle.id}`), key: handle.id };
    });

    app.delete(
      '/s3/multipart/:id',
      { schema: { tags, summary: 'Cancel', params: Id, response: problems } },
      async (request) => {
        await uploads.cancel({ id: request.params.id, ...context.caller(request) });
        return {};
      },
    );
  };
}

/** What Uppy knows of a file, as far as it is text. */
function textsOf(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts = Object.entries(metadata).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(texts);
}
