/** Files of this machine into the bucket, hashed as they pass. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { HoldfastError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/upload.ts';
import type { Bucket } from './bucket.ts';
import type { DonePart } from './multipart.ts';
import type { Content } from './requests.ts';
import type { PieceSizes } from './sizes.ts';

const stepBytes = 256 * 1024;
/** Larger files are sent in parts, which are sent again one by one where the store fails. */
const singleBytesMax = 64 * 1024 * 1024;

export interface SentFile {
  readonly path: string | Buffer;
  readonly size: number;
  readonly key: string;
  readonly contentType?: string;
  /** What it has to be; nothing is stored under the key when it is not. */
  readonly sha256: Sha256;
}

/**
 * Stores the file under the key, whole or not at all. Rejects with `storage-damaged` when it has other bytes than `sha256` says by now,
 * and with the system's error when it cannot be read.
 */
export async function sendFile(bucket: Bucket, sizes: PieceSizes, file: SentFile): Promise<void> {
  const handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (file.size <= singleBytesMax) await sendWhole(bucket, handle, file);
    else await sendParts(bucket, sizes, { handle, file });
  } finally {
    await handle.close();
  }
}

async function sendWhole(bucket: Bucket, handle: FileHandle, file: SentFile): Promise<void> {
  // Read once before it is sent: then the server checks it, and it can be sent again. It is in the page cache after that.
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  for await (const bytes of fileBytes(handle, 0, file.size)) {
    md5.update(bytes);
    sha256.update(bytes);
  }
  if (sha256.digest('hex') !== file.sha256) throw changed();
  const known = md5.digest('hex');
  await bucket.put(
    file.key,
    { ...rangeContent(handle, 0, file.size), md5: () => known, md5Ahead: known },
    file.contentType,
  );
}

async function sendParts(
  bucket: Bucket,
  sizes: PieceSizes,
  { handle, file }: { handle: FileHandle; file: SentFile },
): Promise<void> {
  const least = Math.max(sizes.pieceBytes, sizes.partBytesMin);
  const partBytes = Math.max(least, Math.ceil(file.size / sizes.partsMax));
  const upload = await bucket.multipart.begin(file.key);
  const sha256 = createHash('sha256');
  const parts: DonePart[] = [];
  try {
    for (let at = 0; at < file.size; at += partBytes) {
      const end = Math.min(at + partBytes, file.size);
      const md5 = createHash('md5');
      for await (const bytes of fileBytes(handle, at, end)) {
        md5.update(bytes);
        sha256.update(bytes);
      }
      const known = md5.digest('hex');
      const content = { ...rangeContent(handle, at, end), md5: () => known, md5Ahead: known };
      const number = parts.length + 1;
      parts.push({ number, etag: await bucket.multipart.send(upload, number, content), size: end - at });
    }
    if (sha256.digest('hex') !== file.sha256) throw changed();
    await bucket.multipart.complete(upload, parts);
  } catch (error) {
    // Where only the answer was lost, the object is whole.
    await bucket.letGo(upload).catch(() => {});
    if ((await bucket.head(file.key).catch(() => null))?.size !== file.size || parts.length === 0) throw error;
    if (parts.reduce((sum, part) => sum + part.size, 0) !== file.size) throw error;
  }
}

function rangeContent(handle: FileHandle, start: number, end: number): Pick<Content, 'length' | 'body'> {
  return {
    length: end - start,
    body: () => Readable.from(fileBytes(handle, start, end), { objectMode: false }),
  };
}

async function* fileBytes(handle: FileHandle, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const buffer = Buffer.allocUnsafe(Math.min(stepBytes, end - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at);
    if (bytesRead === 0) throw changed();
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function changed(): HoldfastError {
  return new HoldfastError('storage-damaged', 'The file changed while it was sent to the object store.');
}
