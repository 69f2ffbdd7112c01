/** POST /chunk: the file part of a form straight to its place. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import type { FormSource } from '../../core/ports/form-source.ts';
import type { RateClass } from '../route-config.ts';
import { chunkFormLimits, HeldBack, withChunk } from './chunk-form.ts';
import type { ChunkedFormContext } from './context.ts';
import { declaredType } from './declared-type.ts';
import { renderReceipt } from './render.ts';
import { chunkSchema } from './schemas.ts';

export function chunkRoute(context: ChunkedFormContext): FastifyPluginAsync {
  const heldBack = new HeldBack(context.limits);
  const config: { readonly rate: RateClass } = { rate: 'chunks' };
  return async (app) => {
    app.post('/chunk', { config, schema: chunkSchema }, async (request) => {
      const body = context.body(request);
      let form: FormSource | null = null;
      try {
        form = context.form(body, boundaryOf(request), chunkFormLimits);
        return await withChunk(form, heldBack, async ({ uploadId, index, length, body: bytes }) => {
          request.log = request.log.child({ uploadId, chunk: index });
          const caller = context.caller(request);
          const delivery = { ...caller, uploadId, index, declaredLength: length, sha256: null, body: bytes };
          return renderReceipt(await context.uploads.receiveChunk(delivery), index);
        });
      } finally {
        await (form ?? body).abandon();
      }
    });
  };
}

function boundaryOf(request: FastifyRequest): string {
  const { kind, name, boundary } = declaredType(request);
  if (kind === 'multipart' && boundary !== null) return boundary;
  throw new HoldfastError(
    'invalid-request',
    `A chunk is sent as multipart/form-data with upload_id, chunk_index and chunk; the request declares ${name}.`,
  );
}
