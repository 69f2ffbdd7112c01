/**
 * An optional ability of stores for bytes: clients send to the store and read from it without a server in between, by addresses that allow
 * one thing for a short time. Stores without it have null in its place.
 *
 * What clients send arrives under names of its own, one for each place of an upload, where it counts for nothing and may be replaced. It
 * becomes bytes of the upload when the store takes it: under a name that no address was ever given for, so that nothing a client does
 * later changes what was acknowledged.
 */
import type { Sha256 } from '../upload.ts';
import type { WriteRequest, Written } from './blob-store.ts';
import type { InterruptibleBody } from './body-source.ts';

/** Where something arrives: `name` is 1 to 32 characters of a-z, 0-9 and `-`, chosen by the caller. */
export interface Arrival {
  readonly uploadId: string;
  readonly name: string;
}

export interface TakeRequest extends Omit<WriteRequest, 'uploadId'> {
  /** Asked before the bytes count; false ends it with `lease-lost`. */
  mayRecord(): boolean;
}

/** Bytes that arrived, as they were when they were looked at. */
export interface Arrived {
  readonly size: number;
  /** As the store tells it, without quotes. */
  readonly etag: string;
  /**
   * The bytes: what arrived until `take` is called, what was taken from then on. Rejects with `piece-missing` when they were replaced, `unavailable`.
   */
  readonly body: InterruptibleBody;
  /**
   * Makes them the upload's, as `BlobStore.write` does; the request's body is `body`, or one around it. Rejects with `piece-missing`,
   * `piece-mismatch`, `lease-lost`, `storage-damaged`, and with what the body rejects with; then nothing was recorded.
   */
  take(request: TakeRequest): Promise<Written>;
  /** Lets go of what arrived, after it was taken or refused. Never rejects. */
  remove(): Promise<void>;
}

export interface ArrivedPart {
  readonly name: string;
  readonly size: number;
  readonly etag: string;
}

export interface FileHead {
  readonly contentType: string;
  /** A Content-Disposition field. */
  readonly disposition: string;
}

export interface DirectBlobs {
  /** Scheme, host and port of the addresses, for the security policy of pages. */
  readonly origin: string;
  /** An address for one PUT of exactly `bytes` bytes (null: of any number) that begins within `seconds`. */
  sendAddress(arrival: Arrival, wish: { readonly bytes: number | null; readonly seconds: number }): Promise<string>;
  /** What arrived there last; null when nothing did. */
  arrived(arrival: Arrival): Promise<Arrived | null>;
  /** Everything that arrived for the upload and is still there. */
  arrivals(uploadId: string): Promise<ArrivedPart[]>;
  /** Whether just these bytes of the upload were taken from something with that ETag: then they are stored. False also when it cannot be told. */
  wasTaken(uploadId: string, range: { readonly start: number; readonly end: number }, etag: string): Promise<boolean>;
  /** An address from which the asset can be read for `seconds`, whole or in ranges; null when the store does not have it itself. */
  readAddress(digest: Sha256, file: FileHead, seconds: number): Promise<string | null>;
}
