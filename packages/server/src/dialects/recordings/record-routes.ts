/** Recordings as records, which stay: list, one of them, its chunks. */
import type { FastifyPluginAsync } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import { optionalText, wholeNumber } from '../field-values.ts';
import type { Fields } from '../form-fields.ts';
import { processingRun } from '../processing-run.ts';
import type { RecordingsContext } from './context.ts';
import { handleOf, queryOf } from './handle.ts';
import { renderRecord, renderSummary } from './render.ts';
import { renderChunk } from './render-chunk.ts';
import { chunksSchema, getSchema, listSchema } from './schemas.ts';

const limits = { recordings: { standard: 20, max: 200 }, chunks: { standard: 1_000, max: 10_000 } };
const skipMax = 1_000_000;

export function recordRoutes(context: RecordingsContext): FastifyPluginAsync {
  const { recordings } = context;
  return async (app) => {
    app.get('/', { schema: listSchema }, async (request) => {
      const query = queryOf(request);
      const [skip, limit] = [numberIn(query, 'skip', { standard: 0, max: skipMax }), limitIn(query, limits.recordings)];
      const subject = optionalText(query, 'asignatura');
      const principal = context.principal(request);
      const page = await recordings.list({ principal, skip, limit, ...(subject === undefined ? {} : { subject }) });
      const items = page.items.map(({ upload }) => renderSummary(upload));
      return { recordings: items, total: page.total, skip, limit, has_more: skip + items.length < page.total };
    });
    app.get('/:id', { schema: getSchema }, async (request) => {
      const view = await recordings.view(handleOf(request, context));
      const run = await processingRun(view.upload, context.ledger);
      const { phase } = view.upload;
      return renderRecord(view, {
        processing_run_id: phase.name === 'completed' && run !== phase.assetId ? run : null,
        validation_enabled: context.recordingSettings.chunkValidation,
      });
    });
    app.get('/:id/chunks', { schema: chunksSchema }, async (request) => {
      const query = queryOf(request);
      const after = numberIn(query, 'after', { standard: 0, max: Number.MAX_SAFE_INTEGER });
      const limit = limitIn(query, limits.chunks);
      const { upload, extents } = await recordings.view(handleOf(request, context));
      const chunks = extents.map((extent) => renderChunk(extent, upload.chunkSize));
      return { chunks: chunks.filter(({ chunk_number }) => chunk_number > after).slice(0, limit) };
    });
  };
}

function limitIn(query: Fields, bounds: { readonly standard: number; readonly max: number }): number {
  const limit = numberIn(query, 'limit', bounds);
  if (limit > 0) return limit;
  throw outOfBounds('limit', 1, bounds.max);
}

function numberIn(query: Fields, name: string, bounds: { readonly standard: number; readonly max: number }): number {
  if (!query.has(name)) return bounds.standard;
  const number = wholeNumber(query, name, 'invalid-request');
  if (number <= bounds.max) return number;
  throw outOfBounds(name, 0, bounds.max);
}

function outOfBounds(field: string, min: number, max: number): HoldfastError {
  return new HoldfastError('invalid-request', `${field} has to be ${min} to ${max}.`, { details: { field } });
}
