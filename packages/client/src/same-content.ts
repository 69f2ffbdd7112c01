/**
 * Is the upload to resume of this content? An id that was kept from before may belong to something else, and size alone says
 * little. Nobody wants to read a whole file to find out: the last chunk that the server has is compared by its SHA-256, which
 * the server keeps where a client sent it.
 */
import type { Upload } from '@holdfast/protocol';
import { canDigest, sha256Hex } from './sha256.ts';
import { readBytes } from './source-reading.ts';
import type { UploadApi } from './upload-api.ts';
import { UploadError } from './upload-error.ts';
import type { UploadSource } from './upload-source.ts';

/** Size and, where both sides know it, the SHA-256 of the whole. @throws UploadError `resume-mismatch` */
export function checkSameFile(source: UploadSource, upload: Upload, sha256: string | undefined): void {
  if (upload.size !== source.size) throw mismatch(`has ${upload.size} bytes and this file ${source.size}`);
  const known = upload.expectedSha256 ?? upload.sha256;
  if (sha256 !== undefined && known !== null && known !== sha256.toLowerCase()) {
    throw mismatch('is of a file with another SHA-256');
  }
}

export interface ContentProbe {
  readonly api: UploadApi;
  readonly source: UploadSource;
  readonly upload: Upload;
  readonly signal: AbortSignal;
}

/** @throws UploadError `resume-mismatch`, and what asking and reading can throw; the signal's reason. */
export async function probeContent({ api, source, upload, signal }: ContentProbe): Promise<void> {
  const index = lastStoredChunk(upload);
  if (index === null || !canDigest()) return;
  const stored = await api.storedChunk(upload.id, index, signal).catch((error: unknown) => {
    // A server that does not list chunks: the size has to do.
    if (error instanceof UploadError && error.status === 404) return null;
    throw error;
  });
  if (stored === null || stored.sha256 === null) return;
  const span = { start: stored.offset, end: stored.offset + stored.length };
  if ((await sha256Hex(await readBytes(source, span, signal))) !== stored.sha256) {
    throw mismatch('has other bytes than this file');
  }
}

function lastStoredChunk({ totalChunks, missingChunks, missingTruncated }: Upload): number | null {
  const missing = new Set(missingChunks);
  // Beyond the end of a list that was cut off nothing is known.
  const end = missingTruncated ? (missingChunks.at(-1) ?? 0) : totalChunks;
  for (let index = end - 1; index >= 0; index -= 1) if (!missing.has(index)) return index;
  return null;
}

function mismatch(what: string): UploadError {
  return new UploadError(`The upload to resume ${what}.`, {
    type: 'validation',
    code: 'resume-mismatch',
    retryable: false,
  });
}
