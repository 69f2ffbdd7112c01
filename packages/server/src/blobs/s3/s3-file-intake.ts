/**
 * Files of this machine into the bucket. They are hashed where they are, and sent only when the store does not have their content: reading a
 * file twice costs less than sending, copying and removing what is there already. It is hashed again as it is sent.
 */
import { HoldfastError } from '../../core/errors.ts';
import type { BytePath, FileIntake, Intake, IntakeRequest } from '../../core/ports/file-intake.ts';
import type { Sha256 } from '../../core/upload.ts';
import type { FileFacts } from '../../core/watch.ts';
import type { Bucket } from './bucket.ts';
import { sendFile } from './file-sender.ts';
import type { S3Keys } from './keys.ts';
import { s3Translated } from './s3-errors.ts';
import type { PieceSizes } from './sizes.ts';

export interface S3FileIntakeParts {
  readonly bucket: Bucket;
  readonly keys: S3Keys;
  readonly sizes: PieceSizes;
  /** Reads and compares files of this machine. */
  readonly local: FileIntake;
}

export class S3FileIntake implements FileIntake {
  readonly #parts: S3FileIntakeParts;

  constructor(parts: S3FileIntakeParts) {
    this.#parts = parts;
  }

  facts(path: BytePath): Promise<FileFacts | null> {
    return this.#parts.local.facts(path);
  }

  head(path: BytePath, length: number): Promise<Uint8Array> {
    return this.#parts.local.head(path, length);
  }

  async read(request: IntakeRequest): Promise<Intake> {
    const read = await this.#parts.local.read({ ...request, how: 'in-place' });
    if (read.kind !== 'read' || request.how === 'in-place') return read;
    return { ...read, how: 'copy', place: () => this.#place(request.path, read.digest, read.size) };
  }

  copy(copy: { readonly from: BytePath; readonly size: number; readonly to: BytePath }): Promise<Sha256> {
    return this.#parts.local.copy(copy);
  }

  async #place(path: BytePath, sha256: Sha256, size: number): Promise<void> {
    const { bucket, keys, sizes } = this.#parts;
    const key = keys.asset(sha256);
    await s3Translated('taking a file in', async () => {
      if ((await bucket.head(key))?.size === size) return;
      try {
        await sendFile(bucket, sizes, { path: Buffer.from(path), key, size, sha256 });
      } catch (error) {
        // Of the file, not of the store: it is looked at again.
        if (error instanceof HoldfastError && error.code === 'storage-damaged')
          throw new HoldfastError('unavailable', 'The file changed while it was taken in.', { cause: error });
        throw error;
      }
    });
  }
}
