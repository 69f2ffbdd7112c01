/** /v1/uploads/:id/direct: addresses in the store for chunks, and reports of what was sent there. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { ReportChunk, WantAddresses } from '@holdfast/protocol';
import { Type } from 'typebox';
import { HoldfastError } from '../../core/errors.ts';
import type { DirectUploads } from '../../uploads/direct.ts';
import { indexOf } from './chunk-route.ts';
import type { NativeContext } from './context.ts';
import { renderAddress, renderReceipt } from './render.ts';
import { Id, uploadTags as tags } from './upload-schemas.ts';

const problems = { '4xx': Type.Ref('Problem'), '5xx': Type.Ref('Problem') };

export function directRoutes(context: NativeContext): FastifyPluginAsyncTypebox {
  const offered = (): DirectUploads => {
    const { direct } = context.uploads;
    if (direct !== null) return direct;
    throw new HoldfastError(
      'direct-not-offered',
      'This server hands out no addresses of its store (setting s3Direct). Send the chunks to it.',
    );
  };
  return async (app) => {
    const addresses = {
      tags,
      summary: 'Addresses in the store to send chunks to',
      description:
        'One PUT of exactly the chunk’s bytes to each, without credentials of this server; then report the chunk. Asking again gives a new address for the same place.',
      params: Id,
      body: Type.Ref('WantAddresses'),
      response: { 200: Type.Ref('ChunkAddresses'), ...problems },
    };
    app.post(
      '/v1/uploads/:id/direct',
      { schema: addresses, config: { rate: 'chunks' as const } },
      async (request, reply) => {
        const { chunks } = request.body as WantAddresses;
        const items = await offered().addresses({ id: request.params.id, ...context.caller(request) }, chunks);
        return reply.header('cache-control', 'no-store').send({ items: items.map(renderAddress) });
      },
    );

    const report = {
      tags,
      summary: 'Report a chunk that was sent to the store; the answer acknowledges it durably',
      params: Type.Object({ id: Type.String({ maxLength: 64 }), index: Type.String({ maxLength: 16 }) }),
      body: Type.Ref('ReportChunk'),
      response: { 200: Type.Ref('ChunkReceipt'), ...problems },
    };
    app.post(
      '/v1/uploads/:id/direct/:index',
      { schema: report, config: { rate: 'chunks' as const } },
      async (request) => {
        const { etag, sha256 } = request.body as ReportChunk;
        const index = indexOf(request.params.index);
        const receipt = await offered().report({
          ...context.caller(request),
          uploadId: request.params.id,
          index,
          etag: etag === undefined ? null : etag.replace(/^(?:W\/)?"|"$/g, ''),
          digest: sha256 === undefined ? null : { algorithm: 'sha-256', value: sha256.toLowerCase() },
        });
        return renderReceipt(receipt, index);
      },
    );
  };
}
