/** POST /: a new recording. GET /config: what clients shall do before they begin one. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { chunkCount } from '../../core/grid.ts';
import { chooseChunkSize } from '../../core/limits.ts';
import type { Upload } from '../../core/upload.ts';
import { formChunkBytes } from '../chunk-form.ts';
import { givenText, optionalText, requiredText, wholeNumber } from '../field-values.ts';
import { commandFields } from '../form-fields.ts';
import { checksumOf } from './checksums.ts';
import type { RecordingsContext } from './context.ts';
import { protocol } from './handle.ts';
import { type ClientConfig, configSchema, createSchema, type RecordingCreated } from './schemas.ts';
import { uploadUrls } from './urls.ts';

const mebibyte = 1024 * 1024;
/** Those of the optional fields that are kept as they come. */
const optionalMetadata = ['fecha'] as const;

export function creation(context: RecordingsContext): FastifyPluginAsync {
  return async (app) => {
    app.post('/', { schema: createSchema }, async (request) => renderCreated(await create(request, context), context));
    app.get('/config', { schema: configSchema }, async () => clientConfig(context));
  };
}

async function create(request: FastifyRequest, context: RecordingsContext): Promise<Upload> {
  const fields = await commandFields(request, context);
  const size = wholeNumber(fields, 'file_size_total', 'invalid-size');
  const filename = requiredText(fields, 'filename');
  const contentType = optionalText(fields, 'content_type');
  const checksum = context.recordingSettings.chunkValidation ? checksumOf(fields, 'file_checksum') : null;
  const asignatura = givenText(fields, 'asignatura');
  const metadata: Record<string, string> = {
    asignatura,
    tema: givenText(fields, 'tema'),
    profesor_text: givenText(fields, 'profesor_text'),
  };
  for (const name of optionalMetadata) {
    const value = optionalText(fields, name);
    if (value !== undefined) metadata[name] = value;
  }
  const { upload } = await context.uploads.create({
    ...context.caller(request),
    protocol,
    filename,
    size,
    chunkSize: chooseChunkSize(size, formChunkBytes, context.limits),
    metadata,
    recording: { subject: asignatura },
    ...(contentType === undefined ? {} : { contentType }),
    ...(checksum === null ? {} : { expectedDigest: checksum }),
  });
  return upload;
}

function renderCreated(upload: Upload, context: RecordingsContext): RecordingCreated {
  const size = upload.size ?? 0;
  return {
    recording_id: upload.id,
    upload_session_id: upload.id,
    upload_urls: { ...uploadUrls(upload.id) },
    chunk_config: {
      ...clientConfig(context),
      recommended_chunk_size_mb: upload.chunkSize / mebibyte,
      chunk_size: upload.chunkSize,
      upload_session_id: upload.id,
      total_chunks_expected: chunkCount({ size, chunkSize: upload.chunkSize }),
      expires_at: new Date(upload.expiresAt).toISOString(),
    },
    message: 'Recording created; send its chunks',
  };
}

/** The chunk is the same for every file but those that would have too many of them. */
function clientConfig({ limits, recordingSettings: settings }: RecordingsContext): ClientConfig {
  return {
    max_chunk_size_mb: limits.chunkBytesMax / mebibyte,
    recommended_chunk_size_mb: chooseChunkSize(0, formChunkBytes, limits) / mebibyte,
    session_timeout_hours: limits.uploadTtlMs / 3_600_000,
    validation_enabled: settings.chunkValidation,
    audio_compression_enabled: settings.audioCompression,
    default_compression_preset: settings.compressionPreset,
    preserve_original_audio: settings.preserveOriginalAudio,
  };
}
