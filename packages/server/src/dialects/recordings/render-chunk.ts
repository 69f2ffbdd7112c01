/** Chunks as this API tells of them: numbered from 1. */
import { type DigestAlgorithm, digestBy } from '../../core/digest.ts';
import { chunkCount } from '../../core/grid.ts';
import { fraction } from '../../core/progress.ts';
import { hasEveryByte } from '../../core/receiving-rules.ts';
import type { Extent, Upload } from '../../core/upload.ts';
import type { Receipt } from '../../uploads/receive.ts';
import type { ChunkReceived, ChunkRecord } from './schemas.ts';

/** The same for a chunk that comes again. */
export function renderReceipt(
  { upload, extent, digests }: Receipt,
  chunk: { readonly number: number; readonly algorithm: DigestAlgorithm },
): ChunkReceived {
  const total = totalChunks(upload);
  const complete = hasEveryByte(upload);
  const checksum = digestBy(digests, chunk.algorithm);
  return {
    status: 'received',
    recording_id: upload.id,
    upload_session_id: upload.id,
    chunk_number: chunk.number,
    chunk_size: extent.length,
    chunk_checksum: checksum,
    checksum_algorithm: checksum === null ? null : chunk.algorithm,
    chunks_received: complete ? total : upload.receivedExtents,
    total_chunks: total,
    progress_percentage: percentage(fraction(upload.receivedBytes, upload.size)),
    is_complete: complete,
    upload_ready_for_assembly: complete,
    received_at: new Date(extent.receivedAt).toISOString(),
  };
}

export function renderChunk({ offset, length, sha256, receivedAt }: Extent, chunkSize: number): ChunkRecord {
  return {
    chunk_number: Math.floor(offset / chunkSize) + 1,
    chunk_size: length,
    chunk_checksum: sha256,
    checksum_algorithm: sha256 === null ? null : 'sha-256',
    received_at: new Date(receivedAt).toISOString(),
  };
}

export function totalChunks(upload: Upload): number {
  return chunkCount({ size: upload.size ?? 0, chunkSize: upload.chunkSize });
}

/** 0 … 100 with two digits, rounded down: 100 means all of it. */
export function percentage(fraction: number): number {
  return Math.floor(fraction * 10_000) / 100;
}
