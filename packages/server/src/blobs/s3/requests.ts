/** What all requests to a bucket have in common: how bytes are sent, checked and sent again, and how objects are encrypted. */
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { HoldfastError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { isPassing } from './s3-errors.ts';

export interface BucketSettings {
  readonly client: S3Client;
  readonly bucket: string;
  readonly clock: Clock;
  readonly encryption: Encryption;
  /** Reading gives a connection up when no byte has come on it for so long. */
  readonly readStallMs: number;
  /** Checksums that are sent with bytes and checked by the server, beside MD5. */
  readonly checksums: 'none' | 'crc32' | 'sha256';
}

/** How the server encrypts what it stores. With a key of its key service, ETags are not MD5. */
export type Encryption =
  | { readonly kind: 'none' }
  | { readonly kind: 's3' }
  | { readonly kind: 'kms'; readonly keyId: string | null };

/** Bytes to be sent. */
export interface Content {
  readonly length: number;
  /** Called for each try; null once they cannot be had a second time. */
  body(): Readable | null;
  /** Known only when they have passed. Lower-case hex. */
  md5(): string | null;
  /** MD5 known before the first byte is sent, so that the server can check it; hex. */
  readonly md5Ahead: string | null;
  /** Ends the sending. */
  readonly signal?: AbortSignal;
}

const triesMax = 4;
const firstWaitMs = 100;
const plainMd5 = /^[0-9a-f]{32}$/;

export class Requests {
  readonly settings: BucketSettings;

  constructor(settings: BucketSettings) {
    this.settings = settings;
  }

  get client(): S3Client {
    return this.settings.client;
  }

  /** Where bytes are copied from, as the header wants it. */
  source(key: string): string {
    return `${this.settings.bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  }

  /** Whether an ETag says what the bytes are. */
  isMd5(etag: string): boolean {
    return this.settings.encryption.kind !== 'kms' && plainMd5.test(etag);
  }

  /** Headers of a request that makes an object. */
  encryption(): { ServerSideEncryption?: 'AES256' | 'aws:kms'; SSEKMSKeyId?: string } {
    const { encryption } = this.settings;
    if (encryption.kind === 'none') return {};
    if (encryption.kind === 's3') return { ServerSideEncryption: 'AES256' };
    return {
      ServerSideEncryption: 'aws:kms',
      ...(encryption.keyId === null ? {} : { SSEKMSKeyId: encryption.keyId }),
    };
  }

  /** What lets the server check bytes. */
  integrity(content: Content): { ContentMD5?: string; ChecksumAlgorithm?: 'CRC32' | 'SHA256' } {
    const { checksums } = this.settings;
    if (checksums !== 'none') return { ChecksumAlgorithm: checksums === 'crc32' ? 'CRC32' : 'SHA256' };
    return content.md5Ahead === null ? {} : { ContentMD5: Buffer.from(content.md5Ahead, 'hex').toString('base64') };
  }

  /**
   * Sends bytes, again while the store fails in a way that passes and they can be had again, and compares the ETag of the answer with
   * their MD5. Resolves to the ETag.
   */
  async sending(content: Content, send: (body: Readable) => Promise<string | undefined>): Promise<string> {
    for (let tried = 1; ; tried += 1) {
      const body = content.body();
      if (body === null)
        throw new HoldfastError('unavailable', 'The object store failed while bytes came in. Send them again.');
      try {
        const etag = unquoted(await send(body));
        const md5 = content.md5();
        if (md5 !== null && this.isMd5(etag) && etag !== md5)
          throw new HoldfastError(
            'unavailable',
            'The object store stored other bytes than were sent. Send them again.',
          );
        return etag;
      } catch (error) {
        body.destroy();
        if (tried === triesMax || !isPassing(error) || content.signal?.aborted === true) throw error;
        if (content.md5Ahead === null) throw error;
        await this.pause(tried);
      }
    }
  }

  /** Waits before the next try: 100 ms, then twice as long each time. */
  pause(tried: number): Promise<void> {
    return new Promise((resolve) => this.settings.clock.after(firstWaitMs * 2 ** (tried - 1), resolve));
  }
}

export function unquoted(etag: string | undefined): string {
  return (etag ?? '').replace(/^(?:W\/)?"|"$/g, '');
}

/** Buffers that stay as they are until it is sent. */
export function contentOf(buffers: readonly Uint8Array[], md5: string): Content {
  return {
    length: buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0),
    body: () => Readable.from(buffers, { objectMode: false }),
    md5: () => md5,
    md5Ahead: md5,
  };
}
