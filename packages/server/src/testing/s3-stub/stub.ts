/**
 * A small S3 server for tests, over real HTTP, that checks what Debian's Swift does not (signatures in full, Content-MD5, CRC-32, CRC-32C, SHA-1,
 * SHA-256 and CRC-64/NVME in headers and trailers) and that fails on request: slow, cut off, 200 with an error, answers lost, sums that lie.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyOf } from './body.ts';
import { type Answer, answer, type Operation, operationOf, type StubRequest } from './operations.ts';
import { type StubCredentials, signatureProblem } from './signature.ts';
import { Refusal, StubStore } from './store.ts';
import { xml } from './xml.ts';

export type StubFault =
  /** An error instead of the work. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string }
  /** 200 with an error in the body, as CompleteMultipartUpload and copies may answer. */
  | { readonly kind: 'error-in-200'; readonly code: string }
  /** The connection breaks before the work; after some bytes of the answer; or after the work, without an answer. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'cut-answer'; readonly afterBytes: number }
  /** After some bytes of the answer nothing more comes, and the connection stays. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  | { readonly kind: 'lose-answer' }
  /** A multipart upload is completed and not forgotten, and the connection breaks. */
  | { readonly kind: 'half-done' }
  /** Stores other bytes than came, and tells their ETag; or tells an ETag that belongs to nothing. */
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'lie' }
  /** Says that it is done, and keeps nothing. */
  | { readonly kind: 'forget' }
  /** Answers once this resolves. */
  | { readonly kind: 'wait'; readonly until: Promise<unknown> };

export interface SeenRequest {
  readonly operation: Operation;
  readonly key: string;
  readonly partNumber: number | null;
}

export interface S3StubOptions {
  readonly partBytesMin?: number;
  readonly credentials?: StubCredentials;
}

export class S3Stub implements AsyncDisposable {
  readonly bucket = 'media';
  readonly credentials: StubCredentials;
  readonly store = new StubStore();
  /** Every request that came, in order. */
  readonly seen: SeenRequest[] = [];
  /** Asked for each request whose signature is right. */
  fault: (request: SeenRequest) => StubFault | null = () => null;
  /** Whether pages of other origins may use it. */
  cors = true;
  readonly #server: Server;

  private constructor(options: S3StubOptions) {
    this.credentials = options.credentials ?? { accessKeyId: 'stub', secretAccessKey: 'stub-secret' };
    if (options.partBytesMin !== undefined) this.store.partBytesMin = options.partBytesMin;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => request.destroy());
    });
  }

  static async start(options: S3StubOptions = {}): Promise<S3Stub> {
    const stub = new S3Stub(options);
    await new Promise<void>((resolve) => stub.#server.listen(0, '127.0.0.1', resolve));
    return stub;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Settings of a store on it, for `openS3Blobs`. */
  get settings() {
    return {
      bucket: this.bucket,
      prefix: '',
      endpoint: this.endpoint,
      region: 'us-east-1',
      pathStyle: true,
      credentials: this.credentials,
      checksums: 'none',
      encryption: { kind: 'none' },
    } as const;
  }

  /** The same for a server's environment. */
  get env(): Record<string, string> {
    return {
      AWS_ACCESS_KEY_ID: this.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: this.credentials.secretAccessKey,
      HOLDFAST_S3_ENDPOINT: this.endpoint,
      HOLDFAST_S3_REGION: 'us-east-1',
      HOLDFAST_S3_PATH_STYLE: 'true',
    };
  }

  /** How often an operation was asked for. */
  count(operation: Operation): number {
    return this.seen.filter((one) => one.operation === operation).length;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.cors) allowPages(response);
    const asked = operationOf(request, this.bucket);
    const problem = request.method === 'OPTIONS' ? null : signatureProblem(request, this.credentials);
    if (problem !== null) {
      request.resume();
      return send(response, refused(new Refusal(problem, 403)));
    }
    const { operation, key } = asked;
    const partNumber = asked.query.get('partNumber');
    const seen = { operation, key, partNumber: partNumber === null ? null : Number(partNumber) };
    this.seen.push(seen);
    const fault = this.fault(seen);
    if (fault?.kind === 'wait') await fault.until;
    if (fault?.kind === 'cut') return void request.socket.destroy();
    const { bytes, problem: wrong } = await bodyOf(request);
    if (fault?.kind === 'refuse') return send(response, refused(new Refusal(fault.code, fault.status)));
    if (fault?.kind === 'error-in-200')
      return send(response, { ...refused(new Refusal(fault.code, 500)), status: 200 });
    if (wrong !== null) return send(response, refused(new Refusal(wrong, 400)));
    const multipart =
      fault?.kind === 'half-done' ? this.store.multiparts.get(asked.query.get('uploadId') ?? '') : undefined;
    const done = this.#do(asked, fault?.kind === 'corrupt' ? flipped(bytes) : bytes, fault?.kind === 'forget');
    const made = this.store.objects.get(key);
    if (multipart && made)
      this.store.multiparts.set(asked.query.get('uploadId') ?? '', { ...multipart, halfDone: made });
    if (fault?.kind === 'lose-answer' || fault?.kind === 'half-done') return void request.socket.destroy();
    if (fault?.kind === 'lie') done.headers['etag'] = `"${'0'.repeat(32)}"`;
    if (fault?.kind === 'cut-answer' || fault?.kind === 'stall') return sendSome(response, done, fault);
    send(response, done);
  }

  #do(asked: StubRequest, bytes: Buffer, forgets: boolean): Answer {
    try {
      const before = forgets ? this.store.objects.get(asked.key) : undefined;
      const done = answer(this.store, { ...asked, bytes });
      if (forgets) {
        if (before === undefined) this.store.objects.delete(asked.key);
        else this.store.objects.set(asked.key, before);
      }
      return done;
    } catch (error) {
      if (error instanceof Refusal) return refused(error);
      throw error;
    }
  }
}

function allowPages(response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader('access-control-allow-methods', 'PUT, GET, POST, DELETE');
  response.setHeader('access-control-allow-headers', '*');
  response.setHeader('access-control-expose-headers', 'etag');
}

function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  if (other.byteLength > 0) other[0] = (other[0] ?? 0) ^ 1;
  return other;
}

function refused({ code, status }: Refusal): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from(xml('Error', { Code: code, Message: `The stub says ${code}.`, RequestId: 'stub' })),
  };
}

function send(response: ServerResponse, answer: Answer): void {
  sendHead(response, answer);
  response.end(answer.bodyless === true ? undefined : answer.body);
}

function sendSome(response: ServerResponse, answer: Answer, { kind, afterBytes }: StubFault & { afterBytes: number }) {
  sendHead(response, answer);
  response.write(answer.body.subarray(0, afterBytes), () => kind === 'cut-answer' && response.destroy());
}

function sendHead(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, {
    ...(status === 204 || status === 304 ? {} : { 'content-length': headers['content-length'] ?? body.byteLength }),
    ...headers,
  });
}
