/** GET /v1/uploads/:id/chunks: what is recorded of each stored chunk. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { NativeContext } from './context.ts';
import { renderChunk } from './render.ts';
import { Id, uploadTags as tags } from './upload-schemas.ts';

export function chunkRecords(context: NativeContext): FastifyPluginAsyncTypebox {
  const { uploads } = context;
  return async (app) => {
    const position = Type.Object({
      after: Type.Integer({ minimum: -1, default: -1, description: 'Chunks with a higher index.' }),
      limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 1_000 }),
    });
    app.get(
      '/v1/uploads/:id/chunks',
      {
        schema: {
          tags,
          summary: 'The chunks that are stored',
          params: Id,
          querystring: position,
          response: { 200: Type.Ref('ChunkList'), '4xx': Type.Ref('Problem') },
        },
      },
      async (request) => {
        const { after, limit } = request.query;
        const { upload, extents } = await uploads.chunks({
          id: request.params.id,
          ...context.caller(request),
        });
        const records = extents.map((extent) => renderChunk(extent, upload.chunkSize));
        return { items: records.filter((record) => record.index > after).slice(0, limit) };
      },
    );
  };
}
