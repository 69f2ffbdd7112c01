/** `@holdfast/client`: uploads that arrive. See docs/client.md. */
export { createUploadClient } from './create-client.ts';
export type { Runtime } from './runtime.ts';
export type {
  CompletedUpload,
  UploadSnapshot,
  UploadSnapshotState,
  Waiting,
  WaitingReason,
} from './snapshot.ts';
export type {
  BodyHashing,
  RequestMethod,
  Transport,
  TransportOptions,
  TransportRequest,
  TransportResponse,
} from './transport.ts';
export type {
  AddOptions,
  GetHeaders,
  OfferDigest,
  StoredChunk,
  UploadClient,
  UploadClientOptions,
} from './upload-client.ts';
export { type ClientErrorCode, UploadError, type UploadErrorType } from './upload-error.ts';
export type { UploadHandle } from './upload-handle.ts';
export { blobSource, type ChunkBytes, type UploadSource } from './upload-source.ts';
export { xhrTransport } from './xhr-transport.ts';
