/**
 * Clients at the bucket: signed addresses to send to and to read from. What they send is in `arriving/`, which nothing is ever recorded of: a
 * signed address can be used again until it expires, so what is taken is copied inside the store to a piece that no address names, and
 * that copy is what is read, hashed and recorded.
 */
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { HoldfastError } from '../../core/errors.ts';
import type { Written } from '../../core/ports/blob-store.ts';
import type {
  Arrival,
  Arrived,
  ArrivedPart,
  DirectBlobs,
  FileHead,
  TakeRequest,
} from '../../core/ports/direct-blobs.ts';
import type { Sha256 } from '../../core/upload.ts';
import { RunningDigests } from '../disk/running-digests.ts';
import type { StoredFacts } from './bucket.ts';
import { objectBytes } from './piece-reader.ts';
import { headOf, PieceWriter, type WriterParts } from './piece-writer.ts';
import type { Hashing } from './running-hashes.ts';
import { failureOf, isMissing, s3Error, s3Translated } from './s3-errors.ts';
import { StoredBody } from './stored-body.ts';

export interface S3DirectParts extends WriterParts {
  /** Signs only: it may name the store as clients reach it. */
  readonly signer: S3Client;
  /** Whether the asset is somewhere else and not in the bucket. */
  isOutside(digest: Sha256): boolean;
}

export class S3Direct implements DirectBlobs {
  readonly origin: string;
  readonly #parts: S3DirectParts;

  private constructor(parts: S3DirectParts, origin: string) {
    this.#parts = parts;
    this.origin = origin;
  }

  static async open(parts: S3DirectParts): Promise<S3Direct> {
    const any = new GetObjectCommand({ Bucket: parts.bucket.settings.bucket, Key: 'x' });
    return new S3Direct(parts, new URL(await getSignedUrl(parts.signer, any)).origin);
  }

  async sendAddress(arrival: Arrival, wish: { bytes: number | null; seconds: number }): Promise<string> {
    const { signer, bucket, keys } = this.#parts;
    const put = new PutObjectCommand({
      Bucket: bucket.settings.bucket,
      Key: keys.arriving(arrival),
      // In the signature: another number of bytes is refused by the store.
      ...(wish.bytes === null ? {} : { ContentLength: wish.bytes }),
    });
    return await s3Translated('signing an address', () => getSignedUrl(signer, put, { expiresIn: wish.seconds }));
  }

  async arrived(arrival: Arrival): Promise<Arrived | null> {
    const key = this.#parts.keys.arriving(arrival);
    const facts = await s3Translated('looking for what arrived', () => this.#parts.bucket.head(key));
    return facts === null ? null : new ArrivedObject(this.#parts, arrival.uploadId, { key, ...facts });
  }

  async arrivals(uploadId: string): Promise<ArrivedPart[]> {
    const { bucket, keys } = this.#parts;
    const prefix = keys.arrivalsOf(uploadId);
    return await s3Translated('listing what arrived', async () => {
      const found: ArrivedPart[] = [];
      for await (const { key, size, etag } of bucket.list(prefix))
        found.push({ name: key.slice(prefix.length), size, etag });
      return found;
    });
  }

  async wasTaken(uploadId: string, range: { start: number; end: number }, etag: string): Promise<boolean> {
    // Only an MD5 says of a copy what it is of.
    if (!this.#parts.bucket.isMd5(etag)) return false;
    const [piece, ...more] = await this.#parts.map.pieces(uploadId, range);
    if (piece === undefined || more.length > 0 || piece.start !== range.start || piece.end !== range.end) return false;
    return piece.object?.etag === etag && piece.object.size === range.end - range.start;
  }

  async readAddress(digest: Sha256, file: FileHead, seconds: number): Promise<string | null> {
    const { signer, bucket, keys, isOutside } = this.#parts;
    if (isOutside(digest)) return null;
    const get = new GetObjectCommand({
      Bucket: bucket.settings.bucket,
      Key: keys.asset(digest),
      ResponseContentType: file.contentType,
      ResponseContentDisposition: file.disposition,
      ResponseCacheControl: 'private, max-age=31536000, immutable',
    });
    return await s3Translated('signing an address', () => getSignedUrl(signer, get, { expiresIn: seconds }));
  }
}

class ArrivedObject implements Arrived {
  readonly size: number;
  readonly etag: string;
  readonly body: StoredBody;
  readonly #parts: WriterParts;
  readonly #uploadId: string;
  readonly #key: string;

  constructor(parts: WriterParts, uploadId: string, object: StoredFacts & { readonly key: string }) {
    this.#parts = parts;
    this.#uploadId = uploadId;
    this.#key = object.key;
    this.size = object.size;
    this.etag = object.etag;
    this.body = new StoredBody(() => this.#bytes(object.key, object.etag));
  }

  async take(request: TakeRequest): Promise<Written> {
    const { bucket, keys, hashes: running } = this.#parts;
    const { offset, length, mayRecord } = request;
    if (this.size !== length) throw otherSize(length, this.size);
    const head = await headOf(this.#parts, this.#uploadId);
    const name = keys.newPiece(this.#uploadId);
    const sha256 = running.from(this.#uploadId, offset, head);
    const { etag, written } = await this.#copied(request, keys.piece(name), sha256).catch(async (error: unknown) => {
      // Named by nobody; where removing it fails, clean-up by age finds it.
      await bucket.remove(keys.piece(name)).catch(() => {});
      throw s3Error('taking what a client sent to the store', error);
    });
    const place = { uploadId: this.#uploadId, offset, head };
    const piece = { start: offset, end: offset + length, object: { name, at: 0, size: length, etag } };
    await new PieceWriter(this.#parts).record(place, piece, { sha256, mayRecord });
    return written;
  }

  /** A copy that no address names, read to its end. */
  async #copied(request: TakeRequest, to: string, sha256: Hashing | null): Promise<{ etag: string; written: Written }> {
    const etag = await this.#copy(to);
    this.body.readFrom(() => this.#bytes(to, etag));
    return { etag, written: await passed(request, sha256) };
  }

  async remove(): Promise<void> {
    await this.#parts.bucket.remove(this.#key).catch(() => {});
  }

  async #copy(to: string): Promise<string> {
    try {
      return await this.#parts.bucket.copy({ key: this.#key, etag: this.etag }, to);
    } catch (error) {
      const { name } = failureOf(error);
      throw isMissing(error) || name === 'PreconditionFailed' || name === '412' ? replaced(error) : error;
    }
  }

  async *#bytes(key: string, etag: string): AsyncGenerator<Uint8Array> {
    const range = { start: 0, end: this.size };
    try {
      yield* objectBytes(this.#parts.bucket, { key, etag, range });
    } catch (error) {
      throw error instanceof HoldfastError && error.code === 'storage-damaged' ? replaced(error) : error;
    }
  }
}

/** Reads the body to its end. */
async function passed(request: TakeRequest, sha256: Hashing | null): Promise<Written> {
  const digests = new RunningDigests(request.digests);
  let received = 0;
  for (let batch = await request.body.next(); batch !== null; batch = await request.body.next()) {
    for (const buffer of batch.buffers) {
      digests.update(buffer);
      sha256?.update(buffer);
    }
    received += batch.bytes;
    batch.release();
  }
  if (received !== request.length) throw otherSize(request.length, received);
  return { crc32: digests.crc32, digests: digests.end() };
}

function otherSize(expected: number, found: number): HoldfastError {
  return new HoldfastError('piece-mismatch', `The store has ${found} bytes there, not ${expected}. Send them again.`, {
    details: { expected, found },
  });
}

function replaced(cause: unknown): HoldfastError {
  return new HoldfastError(
    'piece-missing',
    'What was sent to the store went away or was replaced meanwhile. Send it again, then report it.',
    { cause },
  );
}
