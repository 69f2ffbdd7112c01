/** Multipart uploads: how objects are made of others, or are larger than one request takes. */
import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { invariant } from '../../core/errors.ts';
import type { Range } from '../../core/extents.ts';
import { type Content, type Requests, unquoted } from './requests.ts';
import { isMissing } from './s3-errors.ts';

export const partsMax = 10_000;
export const partBytesMax = 5 * 1024 ** 3;

export interface MultipartUpload {
  readonly key: string;
  readonly id: string;
}

/** Numbers count from 1. */
export interface DonePart {
  readonly number: number;
  readonly etag: string;
  readonly size: number;
}

/** As S3 names objects of parts ("Checking object integrity", ETags of multipart uploads): the MD5 of their MD5s, and their number. */
export function etagOfParts(parts: readonly DonePart[]): string {
  const md5 = createHash('md5');
  for (const { etag } of parts) md5.update(Buffer.from(etag, 'hex'));
  return `${md5.digest('hex')}-${parts.length}`;
}

export class Multipart {
  readonly #bucket: Requests;

  constructor(bucket: Requests) {
    this.#bucket = bucket;
  }

  async begin(key: string): Promise<MultipartUpload> {
    const { client, settings } = this.#bucket;
    const { checksums } = settings;
    const answer = await client.send(
      new CreateMultipartUploadCommand({
        Bucket: settings.bucket,
        Key: key,
        ...this.#bucket.encryption(),
        ...(checksums === 'none' ? {} : { ChecksumAlgorithm: checksums === 'crc32' ? 'CRC32' : 'SHA256' }),
      }),
    );
    invariant(answer.UploadId !== undefined, 'a multipart upload has an id');
    return { key, id: answer.UploadId };
  }

  /** Resolves to the part's ETag. */
  async send(upload: MultipartUpload, number: number, content: Content): Promise<string> {
    return await this.#bucket.sending(content, async (body) => {
      const answer = await this.#bucket.client.send(
        new UploadPartCommand({
          ...this.#of(upload),
          PartNumber: number,
          Body: body,
          ContentLength: content.length,
          ...this.#bucket.integrity(content),
        }),
        { ...(content.signal && { abortSignal: content.signal }) },
      );
      return answer.ETag;
    });
  }

  /** Makes a range of another object a part. Resolves to the part's ETag. */
  async copy(
    upload: MultipartUpload,
    number: number,
    from: { readonly key: string; readonly etag: string; readonly range: Range },
  ): Promise<string> {
    const answer = await this.#bucket.client.send(
      new UploadPartCopyCommand({
        ...this.#of(upload),
        PartNumber: number,
        CopySource: this.#bucket.source(from.key),
        CopySourceRange: `bytes=${from.range.start}-${from.range.end - 1}`,
        CopySourceIfMatch: `"${from.etag}"`,
      }),
    );
    return unquoted(answer.CopyPartResult?.ETag);
  }

  /** The SDK turns a 200 with an error in its body into a rejection. Whoever gets one looks whether the object is there. */
  async complete(upload: MultipartUpload, parts: readonly DonePart[]): Promise<void> {
    const { checksums } = this.#bucket.settings;
    // The sums of copied parts are known to the server only: they are asked for.
    const known = checksums === 'none' ? parts.map((part) => ({ ...part, sums: {} })) : await this.#withSums(upload);
    await this.#bucket.client.send(
      new CompleteMultipartUploadCommand({
        ...this.#of(upload),
        MultipartUpload: {
          Parts: known.map(({ number, etag, sums }) => ({ PartNumber: number, ETag: `"${etag}"`, ...sums })),
        },
      }),
    );
  }

  /** Fine when it is gone already. */
  async abort(upload: MultipartUpload): Promise<void> {
    try {
      await this.#bucket.client.send(new AbortMultipartUploadCommand(this.#of(upload)));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** What is there of an upload that was begun before; null when the upload is not (any more). */
  async parts(upload: MultipartUpload): Promise<DonePart[] | null> {
    try {
      return await this.#withSums(upload);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /** Uploads that were begun and neither completed nor aborted. */
  async *list(prefix: string): AsyncGenerator<MultipartUpload & { readonly begunAt: number }> {
    const { client, settings } = this.#bucket;
    for (let markers = {}; ; ) {
      const page = await client.send(
        new ListMultipartUploadsCommand({ Bucket: settings.bucket, Prefix: prefix, ...markers }),
      );
      for (const { Key, UploadId, Initiated } of page.Uploads ?? [])
        if (Key !== undefined && UploadId !== undefined)
          yield { key: Key, id: UploadId, begunAt: Initiated?.getTime() ?? 0 };
      if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return;
      markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  async #withSums(upload: MultipartUpload): Promise<(DonePart & { readonly sums: Record<string, string> })[]> {
    const found: (DonePart & { sums: Record<string, string> })[] = [];
    for (let marker: string | undefined; ; ) {
      const page = await this.#bucket.client.send(
        new ListPartsCommand({ ...this.#of(upload), ...(marker === undefined ? {} : { PartNumberMarker: marker }) }),
      );
      for (const { PartNumber, ETag, Size, ChecksumCRC32, ChecksumSHA256 } of page.Parts ?? [])
        found.push({
          number: PartNumber ?? 0,
          etag: unquoted(ETag),
          size: Size ?? 0,
          sums: {
            ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }),
            ...(ChecksumSHA256 === undefined ? {} : { ChecksumSHA256 }),
          },
        });
      marker = page.NextPartNumberMarker;
      if (page.IsTruncated !== true || marker === undefined) return found;
    }
  }

  #of(upload: MultipartUpload): { Bucket: string; Key: string; UploadId: string } {
    return { Bucket: this.#bucket.settings.bucket, Key: upload.key, UploadId: upload.id };
  }
}
