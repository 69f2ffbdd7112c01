/** init, complete, cancel, pause, resume, status, sessions. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import { livePhases } from '../../core/upload.ts';
import type { Handle } from '../../uploads/service.ts';
import type { UploadView } from '../../uploads/view.ts';
import { optionalText, requiredText, uploadId, wholeNumber } from '../field-values.ts';
import { collected, commandFields, type Fields } from '../form-fields.ts';
import { processingRun } from '../processing-run.ts';
import type { ChunkedFormContext } from './context.ts';
import { agreedChunkSize } from './grid.ts';
import { renderChange, renderStatus } from './render.ts';
import { changeSchema, completeSchema, initSchema, sessionsSchema, statusFormSchema, statusSchema } from './schemas.ts';

const protocol = 'chunked-form';
/** Below the time that proxies usually wait for an answer. */
const completeWaitMs = 50_000;
const pageMax = 200;

export function sessionRoutes(context: ChunkedFormContext): FastifyPluginAsync {
  const { uploads } = context;
  const named = async (request: FastifyRequest) => handleOf(request, await commandFields(request, context), context);
  return async (app) => {
    app.post('/init', { schema: initSchema }, async (request) => await begin(request, context));
    app.post('/complete', { schema: completeSchema }, async (request) => {
      const handle = await named(request);
      return await completed(await uploads.complete(handle, completeWaitMs), request, context);
    });
    app.post('/cancel', { schema: changeSchema('Give the session up and free its bytes') }, async (request) =>
      renderChange(await uploads.cancel(await named(request)), 'Upload session cancelled'),
    );
    app.post('/pause', { schema: changeSchema('Refuse chunks until resumed') }, async (request) =>
      renderChange(await uploads.pause(await named(request)), 'Upload session paused'),
    );
    app.post('/resume', { schema: changeSchema('Take chunks again') }, async (request) =>
      renderChange(await uploads.resume(await named(request)), 'Upload session resumed'),
    );

    const status = async (handle: Handle) => {
      const view = await uploads.status(handle);
      return renderStatus(view, await processingRun(view.upload, context.ledger));
    };
    app.get('/status', { schema: statusSchema }, async (request) => {
      const fields = collected(Object.entries(request.query as Record<string, unknown>));
      return await status(handleOf(request, fields, context));
    });
    app.post('/status', { schema: statusFormSchema }, async (request) => await status(await named(request)));

    app.get('/sessions', { schema: sessionsSchema }, async (request) => {
      const ids = await liveSessions(context, context.principal(request));
      return { active_sessions: ids.length, session_ids: ids };
    });
  };
}

async function begin(request: FastifyRequest, context: ChunkedFormContext) {
  const fields = await commandFields(request, context);
  const filename = requiredText(fields, 'filename');
  const size = wholeNumber(fields, 'file_size', 'invalid-size');
  const totalChunks = wholeNumber(fields, 'total_chunks', 'invalid-request');
  const contentType = optionalText(fields, 'content_type');
  const { upload } = await context.uploads.create({
    ...context.caller(request),
    protocol,
    filename,
    size,
    chunkSize: agreedChunkSize(size, totalChunks, context.limits),
    ...(contentType === undefined ? {} : { contentType }),
  });
  return { upload_id: upload.id, chunk_size: upload.chunkSize, message: 'Upload session created' };
}

async function completed(view: UploadView, request: FastifyRequest, context: ChunkedFormContext) {
  const id = await processingRun(view.upload, context.ledger);
  if (id === null)
    throw new HoldfastError(
      'upload-finishing',
      'All chunks are here and the file is still being checked. Ask for completion again.',
    );
  request.log.info({ assessmentId: id, size: view.upload.size }, 'session completed');
  const { phase, filename } = view.upload;
  const processed = phase.name === 'completed' && id !== phase.assetId;
  const message = processed ? 'Upload completed; processing starts by itself' : 'Upload completed';
  return { assessment_id: id, filename, message };
}

async function liveSessions(context: ChunkedFormContext, principal: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const at: { cursor?: string } = cursor === null ? {} : { cursor };
    const page = await context.uploads.list({ principal, phases: livePhases, limit: pageMax, ...at });
    ids.push(...page.items.filter((upload) => upload.protocol === protocol).map((upload) => upload.id));
    cursor = page.cursor;
  } while (cursor !== null);
  return ids;
}

/** From here on the log lines of the request have the session. */
function handleOf(request: FastifyRequest, fields: Fields, context: ChunkedFormContext): Handle {
  const id = uploadId(fields, 'upload_id');
  request.log = request.log.child({ uploadId: id });
  return { id, ...context.caller(request) };
}
