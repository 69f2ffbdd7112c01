/**
 * A real node:http server that keeps the contract of the native API, in memory, and does what a test asks in between: refuse, be silent,
 * hang up. It checks digests and refuses other bytes for a chunk, as the real one does.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ChunkReceipt, CreateUpload } from '@holdfast/protocol';
import { digestOf, receivedBytesOf, type Stored, storedAfter, viewOf } from './contract-upload.ts';

export { digestOf } from './contract-upload.ts';

export interface Fault {
  readonly status: number;
  readonly code?: string;
  readonly headers?: Record<string, string>;
  readonly text?: string;
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Of a chunk request. */
  readonly index: number | null;
  /** Body bytes that arrived. */
  bytes: number;
}

/** What to do instead of the contract: an answer, `hang up`, or `silence` (no answer at all). */
export type Intercept = (
  seen: Seen,
) => Fault | 'hang up' | 'silence' | undefined | Promise<Fault | 'hang up' | 'silence' | undefined>;

export class ContractServer {
  readonly seen: Seen[] = [];
  readonly uploads = new Map<string, Stored>();
  /** Asked after the body arrived, before anything is done. */
  intercept: Intercept = () => undefined;
  /** How long an upload is `validating` after its last chunk: so many `complete` requests. */
  finishingAnswers = 0;
  /** Bytes per chunk when the client does not wish for any. */
  chunkSize = 1_000;
  chunksInFlight = 0;
  chunksInFlightMax = 0;
  #server: Server | null = null;
  #port = 0;
  readonly #sockets = new Set<Socket>();

  static async start(): Promise<ContractServer> {
    const server = new ContractServer();
    await server.listen();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens; again on the same port after `stop`. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  /** As a killed process: every connection breaks; what was acknowledged is kept. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The only upload. */
  get upload(): Stored {
    const [upload] = this.uploads.values();
    if (upload === undefined) throw new Error('No upload was created.');
    return upload;
  }

  requests(method: string, path: RegExp): Seen[] {
    return this.seen.filter((seen) => seen.method === method && path.test(seen.path));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const chunk = /^\/v1\/uploads\/([^/]+)\/chunks\/(\d+)$/.exec(path);
    const seen: Seen = {
      method: request.method ?? '',
      path,
      headers: request.headers,
      index: chunk ? Number(chunk[2]) : null,
      bytes: 0,
    };
    this.seen.push(seen);
    if (chunk) this.chunksInFlight += 1;
    this.chunksInFlightMax = Math.max(this.chunksInFlightMax, this.chunksInFlight);
    try {
      const parts: Buffer[] = [];
      for await (const part of request as AsyncIterable<Buffer>) {
        parts.push(part);
        seen.bytes += part.byteLength;
      }
      const fault = await this.intercept(seen);
      if (fault === 'silence') return;
      if (fault === 'hang up') response.destroy();
      else send(response, fault ?? this.#answer(seen, Buffer.concat(parts)));
    } finally {
      if (chunk) this.chunksInFlight -= 1;
    }
  }

  #answer(seen: Seen, body: Buffer): Reply {
    const [, , resource, id = '', verb] = seen.path.split(/[/?]/);
    if (resource === 'server') return reply(200, serverInfo);
    if (id === '') return reply(201, viewOf(this.#create(JSON.parse(body.toString()) as CreateUpload)));
    const upload = this.uploads.get(id);
    if (upload === undefined) return { status: 404, code: 'upload-not-found' };
    if (verb === 'chunks' && seen.method === 'GET') return reply(200, { items: storedAfter(upload, seen.path) });
    if (verb === 'chunks') return this.#chunk(upload, seen, body);
    if (verb === 'complete') return this.#complete(upload);
    if (verb === 'pause' && upload.state === 'receiving') upload.state = 'paused';
    if (verb === 'resume' && upload.state === 'paused') upload.state = 'receiving';
    if (seen.method === 'DELETE') upload.state = 'cancelled';
    return reply(200, viewOf(upload));
  }

  #create(wish: CreateUpload): Stored {
    const id = `u${this.uploads.size + 1}`;
    const chunkSize = wish.chunkSize ?? this.chunkSize;
    const upload: Stored = {
      wish,
      id,
      chunkSize,
      bytes: Buffer.alloc(wish.size),
      have: new Set(),
      state: 'receiving',
      failure: null,
    };
    this.uploads.set(id, upload);
    return upload;
  }

  #chunk(upload: Stored, seen: Seen, body: Buffer): Reply {
    const index = seen.index ?? -1;
    const offset = index * upload.chunkSize;
    const length = Math.min(upload.chunkSize, upload.wish.size - offset);
    if (upload.state === 'paused') return { status: 409, code: 'upload-paused' };
    if (upload.state === 'validating') return { status: 409, code: 'upload-finishing' };
    if (upload.state !== 'receiving') return { status: 410, code: 'upload-closed' };
    if (length <= 0) return { status: 400, code: 'invalid-chunk-index' };
    if (body.byteLength !== length) return { status: 400, code: 'body-too-short' };
    const sha256 = createHash('sha256').update(body);
    const declared = seen.headers['content-digest'];
    if (declared !== undefined && declared !== `sha-256=:${sha256.copy().digest('base64')}:`) {
      return { status: 422, code: 'digest-mismatch' };
    }
    const duplicate = upload.have.has(index);
    if (duplicate && !upload.bytes.subarray(offset, offset + length).equals(body)) {
      return { status: 409, code: 'chunk-conflict' };
    }
    body.copy(upload.bytes, offset);
    upload.have.add(index);
    const { size } = upload.wish;
    const receipt: ChunkReceipt = {
      uploadId: upload.id,
      index,
      offset,
      length,
      crc32: '00000000',
      sha256: sha256.digest('hex'),
      duplicate,
      receivedBytes: receivedBytesOf(upload),
      size,
      state: upload.state,
    };
    return reply(200, receipt);
  }

  #complete(upload: Stored): Reply {
    if (upload.state === 'receiving' && receivedBytesOf(upload) < upload.wish.size) {
      return { status: 409, code: 'missing-chunks' };
    }
    if (upload.state === 'receiving') upload.state = 'validating';
    if (this.finishingAnswers > 0) {
      this.finishingAnswers -= 1;
      return reply(202, viewOf(upload));
    }
    if (upload.state === 'validating') {
      const expected = upload.wish.sha256;
      const good = expected === undefined || expected === digestOf(upload.bytes);
      upload.state = good ? 'completed' : 'failed';
      if (!good) upload.failure = { code: 'digest-mismatch', reason: 'The bytes do not have the declared digest.' };
    }
    return reply(upload.state === 'completed' ? 200 : 202, viewOf(upload));
  }
}

const serverInfo = {
  name: 'holdfast',
  version: '0',
  durability: 'synced',
  limits: { fileBytesMax: 1e12, chunkBytesMin: 1, chunkBytesMax: 1e9, chunkBytesDefault: 1_000, liveUploadsMax: 10 },
};

interface Success {
  readonly status: number;
  readonly value: unknown;
}
type Reply = Success | Fault;

function reply(status: number, value: unknown): Success {
  return { status, value };
}

const retryableCodes = new Set([
  'upload-paused',
  'upload-finishing',
  'missing-chunks',
  'chunk-busy',
  'digest-mismatch',
  'body-too-short',
  'unavailable',
  'internal',
  'rate-limited',
]);

function send(response: ServerResponse, answer: Reply): void {
  const { status } = answer;
  const headers = 'value' in answer ? {} : answer.headers;
  const body = 'value' in answer ? JSON.stringify(answer.value) : (answer.text ?? problemText(answer));
  const length = { 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, { 'content-type': 'application/json', ...length, ...headers }).end(body);
}

function problemText({ status, code }: Fault): string {
  if (code === undefined) return '<html>proxy</html>';
  const facts = { type: `urn:holdfast:error:${code}`, title: code, detail: `Refused: ${code}.` };
  return JSON.stringify({ ...facts, status, code, retryable: retryableCodes.has(code) });
}
