/** POST /chunk: the file part of a form straight to its place. */
import type { FastifyPluginAsync } from 'fastify';
import type { FormSource } from '../../core/ports/form-source.ts';
import { type ChunkFormShape, chunkFormLimits, HeldBack, withChunk } from '../chunk-form.ts';
import { boundaryOf } from '../declared-type.ts';
import { uploadId, wholeNumber } from '../field-values.ts';
import type { RateClass } from '../route-config.ts';
import type { ChunkedFormContext } from './context.ts';
import { renderReceipt } from './render.ts';
import { chunkSchema } from './schemas.ts';

interface Place {
  readonly uploadId: string;
  /** 0-based. */
  readonly index: number;
}

const shape: ChunkFormShape<Place> = {
  file: 'chunk',
  placeFields: ['upload_id', 'chunk_index'],
  placeOf: (fields) => ({
    uploadId: uploadId(fields, 'upload_id'),
    index: wholeNumber(fields, 'chunk_index', 'invalid-chunk-index'),
  }),
};
const expected = 'upload_id, chunk_index and chunk';

export function chunkRoute(context: ChunkedFormContext): FastifyPluginAsync {
  const heldBack = new HeldBack(context.limits);
  const config: { readonly rate: RateClass } = { rate: 'chunks' };
  return async (app) => {
    app.post('/chunk', { config, schema: chunkSchema }, async (request) => {
      const body = context.body(request);
      let form: FormSource | null = null;
      try {
        form = context.form(body, boundaryOf(request, expected), chunkFormLimits(shape.file));
        return await withChunk(form, { shape, heldBack }, async ({ place, length, body: bytes }) => {
          const { uploadId, index } = place;
          request.log = request.log.child({ uploadId, chunk: index });
          const delivery = { ...context.caller(request), uploadId, index, declaredLength: length };
          const receipt = await context.uploads.receiveChunk({ ...delivery, digest: null, body: bytes });
          return renderReceipt(receipt, index);
        });
      } finally {
        await (form ?? body).abandon();
      }
    });
  };
}
