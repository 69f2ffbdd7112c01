/**
 * How requests get to the server. Plain data in and out (no streams, no Headers object), so that a transport can live on
 * the other side of `postMessage`.
 */
import type { ChunkBytes } from './upload-source.ts';

export type RequestMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface TransportRequest {
  readonly method: RequestMethod;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ChunkBytes | string | null;
  /** Send the SHA-256 of the body along as `Content-Digest`. Only asked of a transport with `hashing`. */
  readonly digestBody?: boolean;
}

export interface TransportResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface TransportOptions {
  readonly signal: AbortSignal;
  /** Bytes of the body handed to the network so far. */
  readonly onSent?: (bytes: number) => void;
}

export interface Transport {
  /**
   * Sends one request. Resolves with whatever HTTP answer came, whatever its status. Obligations: calls `onSent` whenever
   * bytes moved (a body that is silent for the stall time is cut off); after `signal` aborts nothing more is sent and the promise
   * settles; follows no redirects that change the method.
   * @throws anything when no answer came: the engine takes it for an unreachable server.
   */
  send(request: TransportRequest, options: TransportOptions): Promise<TransportResponse>;
  /** Optional ability: reads and hashes bodies itself, away from the caller's thread. */
  readonly hashing?: BodyHashing;
  /** Frees what is held; `send` may follow. */
  close?(): void;
}

export interface BodyHashing {
  /** Of a whole Blob that fits into memory, 64 hex digits. @throws UploadError `source-unreadable`; the signal's reason. */
  sha256(blob: Blob, signal: AbortSignal): Promise<string>;
}
