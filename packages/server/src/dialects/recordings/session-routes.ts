/** complete, upload-status, recovery, pause, resume, cancel. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { HoldfastError } from '../../core/errors.ts';
import { averageBytesPerSecond } from '../../core/progress.ts';
import type { Handle } from '../../uploads/service.ts';
import type { UploadView } from '../../uploads/view.ts';
import { requiredText, yesOrNo } from '../field-values.ts';
import { commandFields, optionalFields } from '../form-fields.ts';
import { processingRun } from '../processing-run.ts';
import type { RecordingsContext } from './context.ts';
import { estadoOf } from './estado.ts';
import { checkSession, handleOf, queryOf } from './handle.ts';
import { renderRecovery } from './recovery.ts';
import { actualChecksum, megabytesPerSecond, renderStatus } from './render.ts';
import { totalChunks } from './render-chunk.ts';
import { changeSchema, completeSchema, type RecordingCompleted, recoverySchema, statusSchema } from './schemas.ts';
import { contentUrl } from './urls.ts';

/** Below the time that proxies usually wait for an answer. */
const completeWaitMs = 50_000;
const mebibyte = 1024 * 1024;

export function sessionRoutes(context: RecordingsContext): FastifyPluginAsync {
  const { uploads, recordings } = context;
  return async (app) => {
    app.post('/:id/complete', { schema: completeSchema }, async (request) => await complete(request, context));
    app.get('/:id/upload-status', { schema: statusSchema }, async (request) => {
      const handle = handleOf(request, context);
      checkSession(queryOf(request), handle);
      return renderStatus(await recordings.view(handle), context.now());
    });
    app.post('/:id/recovery', { schema: recoverySchema }, async (request) =>
      renderRecovery(await recordings.view(await commanded(request, context))),
    );
    app.post('/:id/pause', { schema: changeSchema('Refuse chunks until resumed') }, async (request) =>
      changed(await uploads.pause(await recordings.known(await commanded(request, context))), 'Upload paused'),
    );
    app.post('/:id/resume', { schema: changeSchema('Take chunks again') }, async (request) =>
      changed(await uploads.resume(await recordings.known(await commanded(request, context))), 'Upload resumed'),
    );
    app.post('/:id/cancel', { schema: changeSchema('Give the upload up and free its bytes') }, async (request) =>
      changed(await uploads.cancel(await recordings.known(await commanded(request, context))), 'Upload cancelled'),
    );
  };
}

/** The session may stand in the body or in the address, or nowhere. */
async function commanded(request: FastifyRequest, context: RecordingsContext): Promise<Handle> {
  const handle = handleOf(request, context);
  checkSession(await optionalFields(request, context), handle);
  checkSession(queryOf(request), handle);
  return handle;
}

function changed({ upload }: UploadView, message: string) {
  return { recording_id: upload.id, upload_session_id: upload.id, estado: estadoOf(upload), message };
}

async function complete(request: FastifyRequest, context: RecordingsContext): Promise<RecordingCompleted> {
  const handle = handleOf(request, context);
  const fields = await commandFields(request, context);
  requiredText(fields, 'upload_session_id');
  checkSession(fields, handle);
  // A file checksum that was declared is checked in any case: what was promised to be one file is not stored as another.
  const wanted = yesOrNo(fields, 'validate_checksum', true);
  const recording = await context.recordings.view(handle);
  // Its upload may be purged already.
  const ended = recording.upload.phase.name === 'completed';
  const view = ended ? recording : await context.uploads.complete(handle, completeWaitMs);
  if (view.upload.phase.name !== 'completed')
    throw new HoldfastError(
      'upload-finishing',
      'All chunks are here and the file is still being checked. Ask for completion again.',
    );
  const runId = await processingRun(view.upload, context.ledger);
  request.log.info({ processingRunId: runId, size: view.upload.size }, 'recording completed');
  return renderCompleted(view, { runId, wanted, assetId: view.upload.phase.assetId, endedAt: view.upload.phase.at });
}

function renderCompleted(
  { upload }: UploadView,
  end: { readonly runId: string | null; readonly wanted: boolean; readonly assetId: string; readonly endedAt: number },
): RecordingCompleted {
  const size = upload.size ?? 0;
  const processed = end.runId !== end.assetId;
  return {
    message: processed ? 'Recording completed; processing starts by itself' : 'Recording completed',
    recording_id: upload.id,
    upload_session_id: upload.id,
    status: 'completed',
    estado: estadoOf(upload),
    final_file_url: contentUrl(end.assetId),
    processing_run_id: processed ? end.runId : null,
    checksum_validated: end.wanted && upload.expectedDigest !== null,
    file_checksum_expected: upload.expectedDigest?.value ?? null,
    file_checksum_actual: actualChecksum(upload),
    file_info: {
      filename: upload.safeName,
      content_type: upload.contentType,
      file_size_bytes: size,
      file_size_mb: Math.round((size / mebibyte) * 100) / 100,
      total_chunks: totalChunks(upload),
      upload_time_seconds: (end.endedAt - upload.createdAt) / 1000,
      upload_speed_mbps: megabytesPerSecond(averageBytesPerSecond(upload)),
    },
  };
}
