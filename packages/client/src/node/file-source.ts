/** A file on disk as a source: read where it lies, and watched for changes between the first chunk and the last. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { UploadError } from '../upload-error.ts';
import type { UploadSource } from '../upload-source.ts';

export interface FileSource extends UploadSource {
  /** Absolute. */
  readonly path: string;
  /** Last change, in ms since the epoch; may have a fraction. */
  readonly mtimeMs: number;
  close(): Promise<void>;
}

/** @throws UploadError `source-unreadable` when it cannot be opened or is no regular file. */
export async function fileSource(path: string): Promise<FileSource> {
  const absolute = resolve(path);
  const first = await openFile(absolute);
  const stat = await first.stat();
  if (!stat.isFile()) {
    await first.close();
    throw unreadable(absolute, 'it is no regular file');
  }
  const { size, mtimeMs } = stat;
  let handle: Promise<FileHandle> | null = Promise.resolve(first);

  return {
    path: absolute,
    name: basename(absolute),
    type: '',
    size,
    mtimeMs,
    async read(start, end, signal) {
      signal.throwIfAborted();
      handle ??= openFile(absolute);
      const file = await handle.catch((error: unknown) => {
        handle = null;
        throw error;
      });
      const bytes = await readFully(file, start, end);
      // After the read: what was changed during it is seen too.
      const now = await file.stat();
      if (bytes === null || now.size !== size || now.mtimeMs !== mtimeMs) throw changed(absolute);
      return bytes;
    },
    async close() {
      const open = handle;
      handle = null;
      await (await open?.catch(() => undefined))?.close();
    },
  };
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // A named pipe would keep a thread until somebody writes into it, and nothing could end that.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unreadable(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Null when the file ends before. */
async function readFully(file: FileHandle, start: number, end: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(end - start);
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.byteLength - done, start + done);
    if (bytesRead === 0) return null;
    done += bytesRead;
  }
  return bytes;
}

function unreadable(path: string, why: string, cause?: unknown): UploadError {
  return new UploadError(`${path} cannot be read: ${why}.`, {
    type: 'validation',
    code: 'source-unreadable',
    retryable: false,
    cause,
  });
}

function changed(path: string): UploadError {
  return new UploadError(`${path} was changed while it was being uploaded. Upload it again when it stays still.`, {
    type: 'validation',
    code: 'source-changed',
    retryable: false,
  });
}
