/** Facts → the answers of the chunked-form API. */
import { chunkCount } from '../../core/grid.ts';
import { fraction } from '../../core/progress.ts';
import type { Receipt } from '../../uploads/receive.ts';
import type { UploadView } from '../../uploads/view.ts';
import type { ChunkReceived, SessionChanged, SessionStatus } from './schemas.ts';

export function renderReceipt({ upload, duplicate }: Receipt, index: number): ChunkReceived {
  const size = upload.size ?? 0;
  const totalChunks = chunkCount({ size, chunkSize: upload.chunkSize });
  return {
    upload_id: upload.id,
    chunk_index: index,
    received_chunks: upload.receivedExtents,
    total_chunks: totalChunks,
    received_bytes: upload.receivedBytes,
    progress_percentage: percentage(fraction(upload.receivedBytes, upload.size)),
    duplicate,
    message: `Chunk ${index} received (${upload.receivedExtents}/${totalChunks})`,
  };
}

export function renderStatus(view: UploadView, assessmentId: string | null): SessionStatus {
  const { upload } = view;
  return {
    upload_id: upload.id,
    status: upload.phase.name,
    filename: upload.filename,
    content_type: upload.contentType,
    file_size: upload.size ?? 0,
    chunk_size: upload.chunkSize,
    total_chunks: view.totalChunks,
    received_chunks: view.receivedChunks,
    missing_chunks: [...view.missingChunks],
    received_bytes: upload.receivedBytes,
    progress_percentage: percentage(view.progress),
    expires_at: new Date(upload.expiresAt).toISOString(),
    error: upload.phase.name === 'failed' ? upload.phase.reason : null,
    assessment_id: assessmentId,
  };
}

export function renderChange({ upload }: UploadView, message: string): SessionChanged {
  return { upload_id: upload.id, status: upload.phase.name, message };
}

/** 0 … 100 with two digits, rounded down: 100 means all of it. */
function percentage(fraction: number): number {
  return Math.floor(fraction * 10_000) / 100;
}
