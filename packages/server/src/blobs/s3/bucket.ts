/** One bucket through the AWS SDK: the few requests that the stores are made of, each checked as far as the server's answers allow. */
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { HoldfastError } from '../../core/errors.ts';
import type { Range } from '../../core/extents.ts';
import { etagOfParts, Multipart, type MultipartUpload } from './multipart.ts';
import { type BucketSettings, type Content, Requests, unquoted } from './requests.ts';
import { isMissing } from './s3-errors.ts';

export interface StoredFacts {
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: number;
}

export class Bucket extends Requests {
  readonly multipart: Multipart;

  constructor(settings: BucketSettings) {
    super(settings);
    this.multipart = new Multipart(this);
  }

  /** Stores an object; its ETag, compared with what was sent. */
  async put(key: string, content: Content, contentType?: string): Promise<string> {
    const { bucket } = this.settings;
    return await this.sending(content, async (body) => {
      const answer = await this.client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: body,
          ContentLength: content.length,
          ...(contentType === undefined ? {} : { ContentType: contentType }),
          ...this.encryption(),
          ...this.integrity(content),
        }),
        { ...(content.signal && { abortSignal: content.signal }) },
      );
      return answer.ETag;
    });
  }

  /** The bytes of the range. Rejects when the object is not there, or is another one than `etag` says. The signal ends waiting for the answer. */
  async get(
    key: string,
    range: Range,
    { etag, signal }: { readonly etag?: string | undefined; readonly signal?: AbortSignal } = {},
  ): Promise<Readable> {
    const answer = await this.client.send(
      new GetObjectCommand({
        Bucket: this.settings.bucket,
        Key: key,
        Range: `bytes=${range.start}-${range.end - 1}`,
        ...(etag === undefined || etag === '' ? {} : { IfMatch: `"${etag}"` }),
      }),
      { ...(signal && { abortSignal: signal }) },
    );
    const { Body } = answer;
    if (Body instanceof Readable) return Body;
    throw new HoldfastError('unavailable', 'The object store answered without a body.');
  }

  /** Null when it is not there. */
  async head(key: string): Promise<StoredFacts | null> {
    try {
      const answer = await this.client.send(new HeadObjectCommand({ Bucket: this.settings.bucket, Key: key }));
      return {
        size: answer.ContentLength ?? 0,
        etag: unquoted(answer.ETag),
        modifiedAt: answer.LastModified?.getTime() ?? 0,
      };
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /** Fine when it is gone already. */
  async remove(key: string): Promise<void> {
    try {
      await this.client.send(new DeleteObjectCommand({ Bucket: this.settings.bucket, Key: key }));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** Copies a whole object of at most 5 GiB inside the store; the ETag of the copy. */
  async copy(from: { readonly key: string; readonly etag: string }, to: string): Promise<string> {
    const { CopyObjectResult } = await this.client.send(
      new CopyObjectCommand({
        Bucket: this.settings.bucket,
        Key: to,
        CopySource: this.source(from.key),
        CopySourceIfMatch: `"${from.etag}"`,
        ...this.encryption(),
      }),
    );
    return unquoted(CopyObjectResult?.ETag);
  }

  /**
   * Ends a multipart upload that nobody goes on with. Where its object is there all the same, it is completed once more, which changes nothing:
   * Swift, when it dies between making an object and forgetting the upload, takes the parts from under the object at an abort. What is of
   * other parts than are listed now is left to the bucket's lifecycle rule. False then.
   */
  async letGo(upload: MultipartUpload): Promise<boolean> {
    const parts = await this.multipart.parts(upload);
    if (parts === null) return true;
    const facts = await this.head(upload.key);
    // An object that was sent in one request has no parts.
    if (facts === null || this.isMd5(facts.etag)) await this.multipart.abort(upload);
    else if (facts.etag === etagOfParts(parts)) await this.multipart.complete(upload, parts);
    else return false;
    return true;
  }

  /** Keys with the prefix; or, with a delimiter, what they have in common up to it. */
  async *list(prefix: string, delimiter?: string): AsyncGenerator<{ key: string } & StoredFacts> {
    for (let token: string | undefined; ; ) {
      const page = await this.client.send(
        new ListObjectsV2Command({
          Bucket: this.settings.bucket,
          Prefix: prefix,
          ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      for (const { Prefix } of page.CommonPrefixes ?? [])
        if (Prefix !== undefined) yield { key: Prefix, size: 0, etag: '', modifiedAt: 0 };
      for (const { Key, Size, ETag, LastModified } of page.Contents ?? [])
        if (Key !== undefined)
          yield { key: Key, size: Size ?? 0, etag: unquoted(ETag), modifiedAt: LastModified?.getTime() ?? 0 };
      token = page.NextContinuationToken;
      if (page.IsTruncated !== true || token === undefined) return;
    }
  }

  /** Rejects when the bucket cannot be reached. */
  async reach(): Promise<void> {
    await this.client.send(new HeadBucketCommand({ Bucket: this.settings.bucket }));
  }
}
