/** POST /:id/chunk: the file part of a form straight to its place. */
import type { FastifyPluginAsync } from 'fastify';
import type { Digest } from '../../core/digest.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { FormSource } from '../../core/ports/form-source.ts';
import { type ChunkForm, type ChunkFormShape, chunkFormLimits, HeldBack, withChunk } from '../chunk-form.ts';
import { boundaryOf } from '../declared-type.ts';
import { requiredText, wholeNumber } from '../field-values.ts';
import type { Fields } from '../form-fields.ts';
import type { RateClass } from '../route-config.ts';
import { chunkChecksumOf } from './checksums.ts';
import type { RecordingsContext } from './context.ts';
import { checkSession, handleOf, protocol } from './handle.ts';
import { renderReceipt } from './render-chunk.ts';
import { chunkSchema } from './schemas.ts';

interface Place {
  readonly fields: Fields;
  /** 1-based. */
  readonly number: number;
  /** Null when the form does not say. */
  readonly totalChunks: number | null;
  /** Set when it is found behind the file. */
  checksum: Digest | null;
}

const expected = 'upload_session_id, chunk_number, total_chunks and file';

export function chunkRoute(context: RecordingsContext): FastifyPluginAsync {
  const heldBack = new HeldBack(context.limits);
  const validates = context.recordingSettings.chunkValidation;
  const shape = chunkShape(validates);
  const config: { readonly rate: RateClass } = { rate: 'chunks' };
  return async (app) => {
    app.post('/:id/chunk', { config, schema: chunkSchema }, async (request) => {
      const body = context.body(request);
      let form: FormSource | null = null;
      try {
        const handle = handleOf(request, context);
        form = context.form(body, boundaryOf(request, expected), chunkFormLimits(shape.file));
        return await withChunk(form, { shape, heldBack }, async ({ place, length, body: bytes }: ChunkForm<Place>) => {
          checkSession(place.fields, handle);
          request.log = request.log.child({ chunk: place.number });
          const early = place.checksum;
          const receipt = await context.uploads.receiveChunk({
            ...context.caller(request),
            uploadId: handle.id,
            protocol,
            index: place.number - 1,
            totalChunks: place.totalChunks,
            declaredLength: length,
            digest: early,
            digests: validates ? ['sha-256'] : [],
            lateDigest: () => place.checksum,
            body: bytes,
          });
          return renderReceipt(receipt, { number: place.number, algorithm: early?.algorithm ?? 'sha-256' });
        });
      } finally {
        await (form ?? body).abandon();
      }
    });
  };
}

function chunkShape(validates: boolean): ChunkFormShape<Place> {
  return {
    file: 'file',
    placeFields: ['upload_session_id', 'chunk_number'],
    placeOf: (fields) => {
      requiredText(fields, 'upload_session_id');
      const number = wholeNumber(fields, 'chunk_number', 'invalid-chunk-index');
      const total = fields.get('total_chunks');
      const totalChunks = total === undefined ? null : wholeNumber(fields, 'total_chunks', 'invalid-request');
      return { fields, number, totalChunks, checksum: validates ? chunkChecksumOf(fields) : null };
    },
    behind: (place, fields) => {
      if (fields.has('total_chunks')) throw tooLate('total_chunks');
      const checksum = validates ? chunkChecksumOf(fields) : null;
      if (!checksum || checksum.value === place.checksum?.value) return;
      // Its bytes are gone by now, and only their SHA-256 was computed.
      if (place.checksum || checksum.algorithm !== 'sha-256')
        throw tooLate(fields.has('checksum') ? 'checksum' : 'chunk_checksum');
      place.checksum = checksum;
    },
  };
}

function tooLate(field: string): HoldfastError {
  const message = `${field} stands behind the file, where it is too late to check the chunk by it: nothing was kept. Write it before the file.`;
  return new HoldfastError('invalid-request', message, { details: { field } });
}
