/** The public shapes of the client. */
import type { ServerInfo } from '@holdfast/protocol';
import type { Runtime } from './runtime.ts';
import type { Transport } from './transport.ts';
import type { UploadHandle } from './upload-handle.ts';
import type { UploadSource } from './upload-source.ts';

/** Headers of one request, e.g. `{ authorization: 'Bearer …' }`. */
export type GetHeaders = (context: {
  /** True when the server has just refused the last ones with 401: fetch new ones. */
  readonly refresh: boolean;
}) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;

/** When to offer the server the SHA-256 of a whole file, so that content which it has is not sent: see docs/client.md. */
export type OfferDigest = 'auto' | 'always' | 'never';

/** A chunk that the server has made durable. */
export interface StoredChunk {
  readonly index: number;
  /** First byte. */
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** 64 hex digits, if the server took one. */
  readonly sha256: string | null;
}

export interface UploadClientOptions {
  /** Where the server is: `https://files.example`, or a path (`''`, `/holdfast`) on the page's own origin. `/v1/…` is added. */
  readonly endpoint: string;
  /** Awaited before every request. Default: no headers. */
  readonly getHeaders?: GetHeaders;
  /** Chunks on their way at once, over all uploads of this client: 1 … 4, default 3 (browsers give a host 6 connections). */
  readonly parallel?: number;
  /** Bytes per chunk; the server fits it into its limits. Default: chosen at creation from the measured speed. */
  readonly chunkSize?: number;
  /** Default `auto`. */
  readonly offerDigest?: OfferDigest;
  /** Read, hash and send in a worker, so that the page's thread stays free. Default true, where there are workers. */
  readonly worker?: boolean;
  /** Where `dist/worker.js` of this package is served, for pages whose bundler does not find it by itself. */
  readonly workerUrl?: string | URL;
  /** Instead of `workerUrl`. What it throws means that there is none. */
  readonly createWorker?: () => Worker;
  /** Default: XMLHttpRequest, in a worker if `worker`. Node: `nodeTransport()` of `@holdfast/client/node`. */
  readonly transport?: Transport;
  /** Send the SHA-256 of each chunk, so that the server refuses one that arrives differently. Default true; needs a secure context. */
  readonly chunkDigests?: boolean;
  /** Fail when nothing got through for so long, in ms. Default: never; an upload waits for the server to come back. */
  readonly giveUpAfterMs?: number;
  /** A request that moves no byte for so long is cut off and sent again, in ms. Default 30,000. */
  readonly stallTimeoutMs?: number;
  /** Time, chance and connectivity, for tests. */
  readonly runtime?: Partial<Runtime>;
}

export interface AddOptions {
  /** Free words, kept with the upload. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Default: the source's name. */
  readonly filename?: string;
  /** Default: the source's type. */
  readonly contentType?: string;
  /** The server's id of an earlier upload of the same content: only what is missing is sent. */
  readonly resumeId?: string;
  /** Of the whole file, 64 hex digits, if known: the server checks it, and completes at once if it already has the content. */
  readonly sha256?: string;
  /** Bytes per chunk, for this upload. */
  readonly chunkSize?: number;
  /** For this upload; default: that of the client. */
  readonly chunkDigests?: boolean;
  /** Lower numbers get the connections first; among equals the one that was added first. Default 0. */
  readonly rank?: number;
  /** What is created: a recording takes `asignatura`, `tema`, `profesor_text`, `fecha` from the metadata, and is resumed like every upload. Default `upload`. */
  readonly target?: 'upload' | 'recording';
  /** The source is certainly what `resumeId` was begun with (and may not be able to read what the server has): it is not compared. */
  readonly trustResume?: boolean;
  /** Called with each receipt of a chunk. Must not throw. */
  readonly onChunkStored?: (chunk: StoredChunk) => void;
}

export interface UploadClient {
  /** As given, without a slash at the end. */
  readonly endpoint: string;
  /** Starts an upload (in its turn). */
  add(source: UploadSource | Blob, options?: AddOptions): UploadHandle;
  /** What the server takes. Asked once. @throws UploadError */
  serverInfo(): Promise<ServerInfo>;
  /** Has the server free an upload that is not at work here. Resolves when it knows, or cannot be told; never rejects. */
  cancel(uploadId: string): Promise<void>;
  /** Ends the worker. For when every upload is over or paused; another `add` starts a new one. */
  close(): void;
}
