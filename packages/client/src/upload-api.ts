/** The native API, one method a route: headers, deadlines, 401 → fresh headers once, answers checked. No retries, no waiting. */
import type {
  ChunkAddress,
  ChunkAddresses,
  ChunkList,
  ChunkReceipt,
  ChunkRecord,
  CreateUpload,
  ServerInfo,
  Upload,
} from '@holdfast/protocol';
import { deadlinesFor, guarded } from './deadlines.ts';
import { errorFromResponse } from './problem-error.ts';
import type { Runtime } from './runtime.ts';
import type { BodyHashing, RequestMethod, Transport, TransportResponse } from './transport.ts';
import type { GetHeaders } from './upload-client.ts';
import { UploadError } from './upload-error.ts';
import type { ChunkBytes } from './upload-source.ts';

/** How long one `complete` request waits at the server, in seconds. */
export const completeWaitSeconds = 3;

export interface UploadApiOptions {
  readonly endpoint: string;
  readonly getHeaders: GetHeaders;
  readonly transport: Transport;
  readonly runtime: Runtime;
  readonly stallTimeoutMs: number;
}

interface Call {
  readonly method: RequestMethod;
  /** Behind the endpoint, or a whole address. */
  readonly path: string;
  readonly signal: AbortSignal;
  /** Ends the call as long as nothing was sent; default: `signal`. */
  readonly unsent?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: ChunkBytes | string;
  readonly digestBody?: boolean;
  readonly bodyBytes?: number;
  /** How long the server may think before it answers, in ms. */
  readonly answerMs?: number;
  readonly patience?: number;
  readonly onSent?: (bytes: number) => void;
}

export type CreationEnds = Required<Pick<Call, 'signal' | 'unsent'>>;

export interface ChunkCall {
  readonly uploadId: string;
  readonly index: number;
  readonly body: ChunkBytes;
  readonly bytes: number;
  /** `Content-Digest` of the body; `by-transport` if that shall make it; or null. */
  readonly digest: string | null;
  /** How many times the usual silence is borne. */
  readonly patience: number;
  readonly signal: AbortSignal;
  readonly onSent: (bytes: number) => void;
}

export interface StoreCall extends Pick<ChunkCall, 'body' | 'bytes' | 'patience' | 'signal' | 'onSent'> {
  readonly url: string;
}

export interface ReportCall extends Pick<ChunkCall, 'uploadId' | 'index' | 'signal'> {
  readonly etag: string | undefined;
  readonly sha256: string | undefined;
}

const json = { 'content-type': 'application/json' };
/** For as long the server may read a chunk from the store, in ms. */
const reportMs = 60_000;

export class UploadApi {
  readonly #options: UploadApiOptions;
  readonly #base: string;

  constructor(options: UploadApiOptions) {
    this.#options = options;
    this.#base = options.endpoint.replace(/\/+$/, '');
  }

  /** Whether the transport reads and hashes Blobs by itself. */
  get hashing(): BodyHashing | undefined {
    return this.#options.transport.hashing;
  }

  serverInfo(signal: AbortSignal): Promise<ServerInfo> {
    return this.#json<ServerInfo>({ method: 'GET', path: '/v1/server', signal }, 'limits');
  }

  create(upload: CreateUpload, ends: CreationEnds): Promise<Upload> {
    return this.#upload({ method: 'POST', path: '/v1/uploads', ...ends, headers: json, body: JSON.stringify(upload) });
  }

  /** A recording: an upload with subject, topic and speaker, which takes its chunks like every other. Returns its id. */
  async createRecording(upload: CreateUpload, ends: CreationEnds): Promise<string> {
    const { filename, size, contentType, sha256, metadata = {} } = upload;
    const { asignatura = '', tema = '', profesor_text = '', fecha } = metadata;
    const facts = { asignatura, tema, profesor_text, filename, file_size_total: size };
    const body = JSON.stringify({ ...facts, fecha, content_type: contentType, file_checksum: sha256 });
    const call: Call = { method: 'POST', path: '/api/v1/recordings/', ...ends, headers: json, body };
    const { recording_id } = await this.#json<{ recording_id: string }>(call, 'recording_id');
    return recording_id;
  }

  status(uploadId: string, signal: AbortSignal): Promise<Upload> {
    return this.#upload({ method: 'GET', path: uploadPath(uploadId), signal });
  }

  /** What the server has of a chunk; null when it has nothing. */
  async storedChunk(uploadId: string, index: number, signal: AbortSignal): Promise<ChunkRecord | null> {
    const after = index === 0 ? '' : `&after=${index - 1}`;
    const path = `${uploadPath(uploadId)}/chunks?limit=1${after}`;
    const { items } = await this.#json<ChunkList>({ method: 'GET', path, signal }, 'items');
    const [chunk] = items;
    return chunk?.index === index ? chunk : null;
  }

  pause(uploadId: string, signal: AbortSignal): Promise<Upload> {
    return this.#upload({ method: 'POST', path: `${uploadPath(uploadId)}/pause`, signal });
  }

  resume(uploadId: string, signal: AbortSignal): Promise<Upload> {
    return this.#upload({ method: 'POST', path: `${uploadPath(uploadId)}/resume`, signal });
  }

  /** Waits at the server for the end, up to `completeWaitSeconds`; an answer in a state that is not final tells how far it is. */
  complete(uploadId: string, signal: AbortSignal): Promise<Upload> {
    const path = `${uploadPath(uploadId)}/complete?wait=${completeWaitSeconds}`;
    return this.#upload({ method: 'POST', path, signal, answerMs: completeWaitSeconds * 1_000 });
  }

  cancel(uploadId: string, signal: AbortSignal): Promise<Upload> {
    return this.#upload({ method: 'DELETE', path: uploadPath(uploadId), signal });
  }

  async putChunk({ uploadId, index, body, bytes, digest, patience, signal, onSent }: ChunkCall): Promise<ChunkReceipt> {
    const headers: Record<string, string> = { 'content-type': 'application/octet-stream' };
    const digestBody = digest === 'by-transport';
    if (digest !== null && !digestBody) headers['content-digest'] = digest;
    const path = `${uploadPath(uploadId)}/chunks/${index}`;
    const call: Call = { method: 'PUT', path, signal, headers, body, bodyBytes: bytes, digestBody, patience, onSent };
    const receipt = await this.#json<ChunkReceipt>(call, 'receivedBytes');
    if (receipt.index !== index || receipt.length !== bytes) throw badAnswer('a receipt for something else');
    return receipt;
  }

  /** Where chunks can be sent straight to the store. @throws UploadError `direct-not-offered` */
  async addresses(uploadId: string, chunks: readonly number[], signal: AbortSignal): Promise<ChunkAddress[]> {
    const path = `${uploadPath(uploadId)}/direct`;
    const call: Call = { method: 'POST', path, signal, headers: json, body: JSON.stringify({ chunks }) };
    return (await this.#json<ChunkAddresses>(call, 'items')).items;
  }

  /** Sends a chunk to the store, without our credentials; its ETag, if it may be seen. */
  async putDirect({ url, body, bytes, patience, signal, onSent }: StoreCall): Promise<string | undefined> {
    const call: Call = { method: 'PUT', path: url, signal, body, bodyBytes: bytes, patience, onSent };
    const response = await this.#exchange(call, {});
    if (response.status !== 200)
      throw errorFromResponse(response, this.#options.runtime.now(), { endpoint: '', path: url });
    return response.headers['etag'];
  }

  /** The server reads what was sent before it answers. */
  async reportChunk({ uploadId, index, etag, sha256, signal }: ReportCall): Promise<ChunkReceipt> {
    const path = `${uploadPath(uploadId)}/direct/${index}`;
    const body = JSON.stringify({ etag, sha256 });
    const call: Call = { method: 'POST', path, signal, headers: json, body, answerMs: reportMs };
    return this.#json<ChunkReceipt>(call, 'receivedBytes');
  }

  #upload(call: Call): Promise<Upload> {
    return this.#json<Upload>(call, 'missingChunks');
  }

  /** The answer's JSON. `field` is one that it must have: what a captive portal or an error page sends has not. */
  async #json<T extends object>(call: Call, field: keyof T & string): Promise<T> {
    const response = await this.#authorised(call);
    if (response.status < 200 || response.status > 299) {
      throw errorFromResponse(response, this.#options.runtime.now(), { endpoint: this.#base, path: call.path });
    }
    let value: unknown;
    try {
      value = JSON.parse(response.text);
    } catch (cause) {
      throw badAnswer('no JSON', cause);
    }
    if (typeof value !== 'object' || value === null || !(field in value)) throw badAnswer(`JSON without ${field}`);
    return value as T;
  }

  async #authorised(call: Call): Promise<TransportResponse> {
    const { signal, unsent = signal } = call;
    const response = await this.#exchange(call, await this.#headers(false, unsent));
    if (response.status !== 401) return response;
    return this.#exchange(call, await this.#headers(true, unsent));
  }

  /** Whoever pauses or cancels does not wait for them. They may take as long as a request, and not for ever: it would look like work. */
  async #headers(refresh: boolean, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const { runtime, stallTimeoutMs, getHeaders } = this.#options;
    const { totalMs } = deadlinesFor({ bodyBytes: 0, stallMs: stallTimeoutMs });
    const deadlines = { bodyBytes: 0, stallMs: totalMs, answerStallMs: totalMs, totalMs };
    try {
      const headers = await guarded({ runtime, signal, deadlines }, async () => getHeaders({ refresh }));
      // Told apart here: a transport that refuses them looks like a server that cannot be reached, for which an upload waits.
      if (!Object.values(headers).every((value) => sendable.test(value)))
        throw headersFailed('A header has a character that no request can carry: a line break, or one beyond Latin-1.');
      return headers;
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (!(cause instanceof UploadError))
        throw headersFailed('The credentials for the request could not be had.', cause);
      if (cause.code !== 'stalled') throw cause;
      throw headersFailed(`The credentials for the request did not come within ${totalMs / 1_000} s.`, cause);
    }
  }

  async #exchange(call: Call, authorisation: Readonly<Record<string, string>>): Promise<TransportResponse> {
    const { transport, runtime, stallTimeoutMs } = this.#options;
    const { bodyBytes = 0, answerMs = 0, patience = 1 } = call;
    const deadlines = deadlinesFor({ bodyBytes, answerMs, stallMs: stallTimeoutMs * patience });
    const request = {
      method: call.method,
      url: /^https?:/.test(call.path) ? call.path : this.#base + call.path,
      headers: { accept: 'application/json', ...call.headers, ...authorisation },
      body: call.body ?? null,
      ...(call.digestBody === true ? { digestBody: true } : {}),
    };
    return guarded({ runtime, signal: call.signal, deadlines }, async (signal, moved) => {
      try {
        return await transport.send(request, {
          signal,
          onSent: (bytes) => {
            if (signal.aborted) return;
            moved(bytes);
            call.onSent?.(bytes);
          },
        });
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (cause instanceof UploadError) throw cause;
        throw new UploadError('The server does not answer.', {
          type: 'network',
          code: 'unreachable',
          retryable: true,
          cause,
        });
      }
    });
  }
}

function uploadPath(uploadId: string): string {
  return `/v1/uploads/${encodeURIComponent(uploadId)}`;
}

/** Of the value of a header, RFC 9110 section 5.5. */
const sendable = /^[\t\x20-\x7e\x80-\xff]*$/;

function headersFailed(message: string, cause?: unknown): UploadError {
  return new UploadError(message, { type: 'network', code: 'headers-failed', retryable: true, cause });
}

function badAnswer(what: string, cause?: unknown): UploadError {
  return new UploadError(`Something answered that is not a Holdfast server (${what}).`, {
    type: 'network',
    code: 'bad-answer',
    retryable: true,
    cause,
  });
}
