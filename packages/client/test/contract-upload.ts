/** An upload as the contract server keeps it and shows it. */
import { createHash } from 'node:crypto';
import type { ChunkRecord, CreateUpload, Upload, UploadState } from '@holdfast/protocol';

export interface Stored {
  readonly wish: CreateUpload;
  readonly id: string;
  readonly chunkSize: number;
  readonly bytes: Buffer;
  readonly have: Set<number>;
  state: UploadState;
  failure: Upload['failure'];
}

export function receivedBytesOf({ have, chunkSize, wish }: Stored): number {
  let bytes = 0;
  for (const index of have) bytes += Math.min(chunkSize, wish.size - index * chunkSize);
  return bytes;
}

export function viewOf(upload: Stored): Upload {
  const { wish, chunkSize, state } = upload;
  const totalChunks = Math.ceil(wish.size / chunkSize);
  const missingChunks = Array.from({ length: totalChunks }, (_, i) => i).filter((i) => !upload.have.has(i));
  const receivedBytes = receivedBytesOf(upload);
  const digest = state === 'completed' ? digestOf(upload.bytes) : null;
  const at = new Date(0).toISOString();
  return {
    direct: false,
    id: upload.id,
    filename: wish.filename,
    safeName: wish.filename,
    contentType: wish.contentType ?? 'application/octet-stream',
    protocol: 'native',
    intake: 'grid',
    size: wish.size,
    chunkSize,
    totalChunks,
    state,
    receivedBytes,
    receivedChunks: upload.have.size,
    progress: wish.size === 0 ? 0 : receivedBytes / wish.size,
    missing: [],
    missingChunks,
    missingTruncated: false,
    bytesPerSecond: null,
    etaSeconds: null,
    hashedBytes: state === 'validating' ? Math.floor(wish.size / 2) : null,
    expectedSha256: wish.sha256 ?? null,
    sha256: digest,
    assetId: digest,
    failure: upload.failure,
    metadata: wish.metadata ?? {},
    createdAt: at,
    updatedAt: at,
    expiresAt: at,
    completedAt: null,
    firstByteAt: null,
    lastByteAt: null,
    contentUrl: null,
    lastEvent: 1,
  };
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The first chunk after the index in the query, as the list of chunks with `limit=1`. */
export function storedAfter({ have, chunkSize, bytes }: Stored, path: string): ChunkRecord[] {
  const after = Number(/after=(\d+)/.exec(path)?.[1] ?? -1);
  const index = [...have].filter((i) => i > after).sort((a, b) => a - b)[0];
  if (index === undefined) return [];
  const offset = index * chunkSize;
  const chunk = bytes.subarray(offset, offset + chunkSize);
  const receivedAt = new Date(0).toISOString();
  return [{ index, offset, length: chunk.byteLength, crc32: '00000000', sha256: digestOf(chunk), receivedAt }];
}
