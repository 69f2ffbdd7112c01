import type { CreateUpload, ServerInfo } from '@holdfast/protocol';
import { ConnectionPace, chooseChunkSize } from './chunk-size.ts';
import { ConnectionSlots } from './connection-slots.ts';
import { DirectRoute } from './direct-sender.ts';
import { defaultRuntime, type Runtime } from './runtime.ts';
import { ServerGate } from './server-gate.ts';
import type { Transport } from './transport.ts';
import { ManagedUpload } from './upload.ts';
import { UploadApi } from './upload-api.ts';
import type { AddOptions, UploadClient, UploadClientOptions } from './upload-client.ts';
import { UploadRecord } from './upload-record.ts';
import { blobSource, type UploadSource } from './upload-source.ts';
import { WorkerTransport } from './worker-transport.ts';
import { xhrTransport } from './xhr-transport.ts';

const parallelMax = 4;
/** With the chunks this stays within the 6 connections that browsers give a host. */
const finishRequestsMax = 2;
/** More than uploads that one page will ever add. */
const rankWeight = 1e9;

/** A client for one server: its uploads share connections, back-off and what was learned of the link. Does nothing until `add`. */
export function createUploadClient(options: UploadClientOptions): UploadClient {
  const { endpoint, getHeaders = () => ({}), parallel = 3, chunkSize, stallTimeoutMs = 30_000 } = options;
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > parallelMax) {
    throw new RangeError(`parallel must be 1 … ${parallelMax}.`);
  }
  const runtime = { ...defaultRuntime(), ...options.runtime };
  const transport = options.transport ?? browserTransport(options, runtime);
  const api = new UploadApi({ endpoint, getHeaders, transport, runtime, stallTimeoutMs });
  const gate = new ServerGate({ runtime, giveUpAfterMs: options.giveUpAfterMs ?? Number.POSITIVE_INFINITY });
  const shared = {
    api,
    gate,
    runtime,
    parallel,
    pace: new ConnectionPace(),
    route: new DirectRoute(runtime),
    slots: new ConnectionSlots(parallel),
    finishSlots: new ConnectionSlots(finishRequestsMax),
    offerDigest: options.offerDigest ?? 'auto',
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
        () => addOptions.chunkSize ?? chunkSize ?? chooseChunkSize(source.size, shared.pace.bytesPerSecond),
      );
      const { filename, contentType = '' } = wish();
      const uploadId = addOptions.resumeId ?? null;
      const record = new UploadRecord({ id, runtime, gate, filename, contentType, size: source.size, uploadId });
      return new ManagedUpload(id, {
        ...shared,
        source,
        record,
        wish,
        order: (addOptions.rank ?? 0) * rankWeight + added,
        digests: addOptions.chunkDigests ?? options.chunkDigests ?? true,
        target: addOptions.target ?? 'upload',
        trusted: addOptions.trustResume ?? false,
        onChunkStored: addOptions.onChunkStored,
      });
    },
    serverInfo() {
      info ??= api.serverInfo(new AbortController().signal).catch((error: unknown) => {
        info = null;
        throw error;
      });
      return info;
    },
    cancel: (uploadId) =>
      api.cancel(uploadId, new AbortController().signal).then(
        () => {},
        () => {},
      ),
    close: () => transport.close?.(),
  };
}

function browserTransport(
  { worker = true, workerUrl, createWorker }: UploadClientOptions,
  runtime: Runtime,
): Transport {
  const inPage = xhrTransport();
  if (!worker || typeof Worker === 'undefined') return inPage;
  const fromUrl = workerUrl === undefined ? undefined : () => new Worker(workerUrl, { type: 'module' });
  return new WorkerTransport({ createWorker: createWorker ?? fromUrl, inPage, runtime });
}

/** What is asked for at creation; the chunk size is chosen when it comes to it. */
function creationWish(
  source: UploadSource,
  options: AddOptions,
  chunkSize: () => number | undefined,
): () => CreateUpload {
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
