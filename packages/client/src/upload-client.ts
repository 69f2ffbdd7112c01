/** The public shapes of the client. */
import type { CreateUpload, ServerInfo } from '@holdfast/protocol';
import type { Runtime } from './runtime.ts';
import type { Transport } from './transport.ts';
import type { UploadHandle } from './upload-handle.ts';
import type { UploadSource } from './upload-source.ts';

/** Headers of one request, e.g. `{ authorization: 'Bearer …' }`. */
export type GetHeaders = (context: {
  /** True when the server has just refused the last ones with 401: fetch new ones. */
  readonly refresh: boolean;
}) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;

export interface UploadClientOptions {
  /** Where the server is: `https://files.example`, or a path (`''`, `/holdfast`) on the page's own origin. `/v1/…` is added. */
  readonly endpoint: string;
  /** Awaited before every request. Default: no headers. */
  readonly getHeaders?: GetHeaders;
  /** Chunks on their way at once, over all uploads of this client: 1 … 4, default 3 (browsers give a host 6 connections). */
  readonly parallel?: number;
  /** Bytes per chunk; the server fits it into its limits. Default: chosen at creation from the measured speed. */
  readonly chunkSize?: number;
  /** Default: XMLHttpRequest. Node: `nodeTransport()` of `@holdfast/client/node`. */
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

/** What a recording says of itself; kept with it for good, and searchable (docs/recordings.md). */
export interface RecordingDetails {
  readonly asignatura: string;
  readonly tema: string;
  /** May be empty. */
  readonly profesorText: string;
  /** When it was held, as text. */
  readonly fecha?: string;
}

/** What is asked for at creation. */
export interface UploadWish extends CreateUpload {
  readonly recording?: RecordingDetails;
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
  /** Creates it as a recording: the server's id is then the id of the recording, which stays when the upload is purged. `metadata` is not kept with it. */
  readonly recording?: RecordingDetails;
}

export interface UploadClient {
  /** As given, without a slash at the end. */
  readonly endpoint: string;
  /** Starts an upload (in its turn). */
  add(source: UploadSource | Blob, options?: AddOptions): UploadHandle;
  /** What the server takes. Asked once. @throws UploadError */
  serverInfo(): Promise<ServerInfo>;
}
