/** What the stub keeps: objects and multipart uploads of one bucket, in memory. */
import { createHash, randomBytes } from 'node:crypto';

export interface StubObject {
  bytes: Buffer;
  readonly etag: string;
  readonly modified: Date;
  readonly contentType: string | null;
}

export interface StubMultipart {
  readonly key: string;
  readonly begun: Date;
  /** What was made of it, where the server died before it forgot the upload. */
  halfDone?: StubObject;
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string }>;
}

/** A refusal by its S3 code. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number) {
    super(code);
    this.code = code;
    this.status = status;
  }
}

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

export class StubStore {
  readonly objects = new Map<string, StubObject>();
  readonly multiparts = new Map<string, StubMultipart>();
  /** The least that every part but the last has to have. */
  partBytesMin = 5 * 1024 * 1024;
  /** As with encryption by a key service. */
  opaqueEtags = false;

  put(key: string, bytes: Buffer, contentType: string | null = null): StubObject {
    const object = { bytes, etag: this.#etag(md5(bytes)), modified: new Date(), contentType };
    this.objects.set(key, object);
    return object;
  }

  get(key: string): StubObject {
    const found = this.objects.get(key);
    if (!found) throw new Refusal('NoSuchKey', 404);
    return found;
  }

  begin(key: string): string {
    const id = randomBytes(12).toString('hex');
    this.multiparts.set(id, { key, begun: new Date(), parts: new Map() });
    return id;
  }

  multipart(id: string, key: string): StubMultipart {
    const found = this.multiparts.get(id);
    if (found?.key !== key) throw new Refusal('NoSuchUpload', 404);
    return found;
  }

  putPart(id: string, key: string, part: { readonly number: number; readonly bytes: Buffer }): string {
    if (part.number < 1 || part.number > 10_000) throw new Refusal('InvalidArgument', 400);
    const etag = this.#etag(md5(part.bytes));
    this.multipart(id, key).parts.set(part.number, { bytes: part.bytes, etag });
    return etag;
  }

  complete(id: string, key: string, named: readonly { readonly number: number; readonly etag: string }[]): StubObject {
    const upload = this.multipart(id, key);
    const numbers = named.map((part) => part.number);
    if (numbers.some((number, i) => i > 0 && number <= (numbers[i - 1] ?? 0)))
      throw new Refusal('InvalidPartOrder', 400);
    const parts = named.map(({ number, etag }, i) => {
      const part = upload.parts.get(number);
      if (part?.etag !== etag) throw new Refusal('InvalidPart', 400);
      if (i < named.length - 1 && part.bytes.byteLength < this.partBytesMin) throw new Refusal('EntityTooSmall', 400);
      return part;
    });
    if (parts.length === 0) throw new Refusal('MalformedXML', 400);
    const sums = Buffer.concat(parts.map((part) => Buffer.from(md5(part.bytes), 'hex')));
    const object = {
      bytes: Buffer.concat(parts.map((part) => part.bytes)),
      etag: this.#etag(`${md5(sums)}-${parts.length}`),
      modified: new Date(),
      contentType: null,
    };
    this.objects.set(key, object);
    this.multiparts.delete(id);
    return object;
  }

  /** An upload that was completed and not forgotten: at an abort its object loses the bytes, as on Swift. */
  abort(id: string, key: string): void {
    const { halfDone } = this.multipart(id, key);
    this.multiparts.delete(id);
    if (halfDone !== undefined) halfDone.bytes = Buffer.alloc(0);
  }

  #etag(etag: string): string {
    return this.opaqueEtags ? randomBytes(16).toString('hex') : etag;
  }
}
