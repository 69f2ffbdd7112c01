/** Facts → the answers about a recording and its upload. */
import { averageBytesPerSecond } from '../../core/progress.ts';
import { hasEveryByte } from '../../core/receiving-rules.ts';
import type { Millis, Upload } from '../../core/upload.ts';
import type { RecordingView } from '../../uploads/recordings.ts';
import { estadoOf } from './estado.ts';
import { percentage, renderChunk, totalChunks } from './render-chunk.ts';
import type { RecordingDetails, Summary, UploadFacts, UploadStatus } from './schemas.ts';
import { contentUrl } from './urls.ts';

const chunkRecordsMax = 1_000;
const mebibyte = 1024 * 1024;

const iso = (at: Millis): string => new Date(at).toISOString();
const isoOrNull = (at: Millis | null): string | null => (at === null ? null : iso(at));

/** What status, list and record have in common: everything that the upload itself says. */
function factsOf(upload: Upload): UploadFacts {
  const { phase, size } = upload;
  const ended = 'at' in phase;
  return {
    recording_id: upload.id,
    upload_session_id: upload.id,
    estado: estadoOf(upload),
    filename: upload.safeName,
    content_type: upload.contentType,
    file_size_total: size ?? 0,
    bytes_uploaded: upload.receivedBytes,
    chunks_received: hasEveryByte(upload) ? totalChunks(upload) : upload.receivedExtents,
    total_chunks_expected: totalChunks(upload),
    progress_percentage: percentage(hasEveryByte(upload) ? 1 : upload.receivedBytes / Math.max(1, size ?? 0)),
    upload_speed_mbps: megabytesPerSecond(averageBytesPerSecond(upload)),
    started_at: iso(upload.createdAt),
    last_chunk_at: isoOrNull(upload.lastByteAt),
    completed_at: phase.name === 'completed' ? iso(phase.at) : null,
    expires_at: iso(upload.expiresAt),
    upload_time_seconds: ended ? (phase.at - upload.createdAt) / 1000 : null,
    is_expired: phase.name === 'expired',
    is_completed: phase.name === 'completed',
    has_error: phase.name === 'failed',
    error_message: phase.name === 'failed' ? phase.reason : null,
    final_file_url: phase.name === 'completed' ? contentUrl(phase.assetId) : null,
  };
}

export function renderStatus(view: RecordingView, now: Millis): UploadStatus {
  const facts = factsOf(view.upload);
  return {
    ...facts,
    // While chunks come, how fast they come now counts.
    upload_speed_mbps: megabytesPerSecond(view.bytesPerSecond) ?? facts.upload_speed_mbps,
    eta_seconds: view.etaSeconds === null ? null : Math.ceil(view.etaSeconds),
    missing_chunks: missingNumbers(view),
    timestamp: iso(now),
  };
}

export function renderSummary(upload: Upload): Summary {
  const { asignatura = '', tema = '', profesor_text = '', fecha = null } = upload.metadata;
  const { expectedDigest: expected } = upload;
  return {
    ...factsOf(upload),
    asignatura,
    tema,
    profesor_text,
    fecha,
    filename_original: upload.filename,
    chunk_size: upload.chunkSize,
    file_checksum_expected: expected?.value ?? null,
    file_checksum_actual: actualChecksum(upload),
    checksum_algorithm: expected?.algorithm ?? 'sha-256',
    storage_location: locationOf(upload),
    created_at: iso(upload.createdAt),
    updated_at: iso(upload.updatedAt),
  };
}

export function renderRecord(
  view: RecordingView,
  more: Pick<RecordingDetails, 'processing_run_id' | 'validation_enabled'>,
): RecordingDetails {
  const { upload, extents } = view;
  return {
    ...renderSummary(upload),
    missing_chunks: missingNumbers(view),
    chunks_metadata: extents.slice(0, chunkRecordsMax).map((extent) => renderChunk(extent, upload.chunkSize)),
    ...more,
  };
}

export function missingNumbers(view: RecordingView): number[] {
  return view.missingChunks.map((index) => index + 1);
}

/** The source service calls megabytes per second so. */
export function megabytesPerSecond(bytesPerSecond: number | null): number | null {
  return bytesPerSecond === null ? null : Math.round((bytesPerSecond / mebibyte) * 1000) / 1000;
}

/** What the content has by the algorithm of the expected checksum: known once it was verified. */
export function actualChecksum({ phase, expectedDigest }: Upload): string | null {
  if (phase.name === 'failed') return phase.actual?.value ?? null;
  if (phase.name === 'assembling') return expectedDigest?.value ?? phase.digest;
  return phase.name === 'completed' ? (expectedDigest?.value ?? phase.assetId) : null;
}

/** Within the data folder; null when nothing is stored any more. */
function locationOf({ id, phase, storage }: Upload): string | null {
  if (phase.name === 'completed') return `assets/${phase.assetId}`;
  return storage === 'held' ? `incoming/${id}` : null;
}
