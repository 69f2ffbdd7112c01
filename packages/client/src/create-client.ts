import type { ServerInfo } from '@holdfast/protocol';
import { ConnectionPace, chooseChunkSize } from './chunk-size.ts';
import { ConnectionSlots } from './connection-slots.ts';
import { defaultRuntime } from './runtime.ts';
import { ServerGate } from './server-gate.ts';
import { ManagedUpload } from './upload.ts';
import { UploadApi } from './upload-api.ts';
import type { AddOptions, UploadClient, UploadClientOptions, UploadWish } from './upload-client.ts';
import { UploadRecord } from './upload-record.ts';
import { blobSource, type UploadSource } from './upload-source.ts';
import { xhrTransport } from './xhr-transport.ts';

const parallelMax = 4;
/** With the chunks this stays within the 6 connections that browsers give a host. */
const finishRequestsMax = 2;

/** A client for one server: its uploads share connections, back-off and what was learned of the link. Does nothing until `add`. */
export function createUploadClient(options: UploadClientOptions): UploadClient {
  const { endpoint, getHeaders = () => ({}), parallel = 3, chunkSize, stallTimeoutMs = 30_000 } = options;
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > parallelMax) {
    throw new RangeError(`parallel must be 1 … ${parallelMax}.`);
  }
  const runtime = { ...defaultRuntime(), ...options.runtime };
  const transport = options.transport ?? xhrTransport();
  const api = new UploadApi({ endpoint, getHeaders, transport, runtime, stallTimeoutMs });
  const gate = new ServerGate({ runtime, giveUpAfterMs: options.giveUpAfterMs ?? Number.POSITIVE_INFINITY });
  const shared = {
    api,
    gate,
    runtime,
    parallel,
    pace: new ConnectionPace(),
    slots: new ConnectionSlots(parallel),
    finishSlots: new ConnectionSlots(finishRequestsMax),
    digests: options.chunkDigests ?? true,
    sessionStarted: sessionCounter(() => runtime.onConnectivity(() => gate.connectivityChanged())),
  };
  let added = 0;
  let info: Promise<ServerInfo> | null = null;

  return {
    endpoint: endpoint.replace(/\/+$/, ''),
    add(content, addOptions = {}) {
      const source = content instanceof Blob ? blobSource(content) : content;
      added += 1;
      const id = `upload-${added}`;
      const wish = creationWish(
        source,
        addOptions,
        () => chunkSize ?? chooseChunkSize(source.size, shared.pace.bytesPerSecond),
      );
      const { filename, contentType = '' } = wish();
      const uploadId = addOptions.resumeId ?? null;
      const record = new UploadRecord({ id, runtime, gate, filename, contentType, size: source.size, uploadId });
      return new ManagedUpload(id, { ...shared, source, record, wish, order: added });
    },
    serverInfo() {
      info ??= api.serverInfo(new AbortController().signal).catch((error: unknown) => {
        info = null;
        throw error;
      });
      return info;
    },
  };
}

/** What is asked for at creation; the chunk size is chosen when it comes to it. */
function creationWish(
  source: UploadSource,
  options: AddOptions,
  chunkSize: () => number | undefined,
): () => UploadWish {
  const contentType = options.contentType ?? source.type;
  return () => {
    const bytes = chunkSize();
    return {
      filename: options.filename ?? source.name,
      size: source.size,
      ...(contentType === '' ? {} : { contentType }),
      ...(bytes === undefined ? {} : { chunkSize: bytes }),
      ...(options.sha256 === undefined ? {} : { sha256: options.sha256 }),
      ...(options.metadata === undefined ? {} : { metadata: { ...options.metadata } }),
      ...(options.recording === undefined ? {} : { recording: options.recording }),
    };
  };
}

/** Listens to the platform only while a session is at work, so that an idle client holds on to nothing. */
function sessionCounter(listen: () => () => void): () => () => void {
  let running = 0;
  let unlisten = () => {};
  return () => {
    running += 1;
    if (running === 1) unlisten = listen();
    return () => {
      running -= 1;
      if (running === 0) unlisten();
    };
  };
}
