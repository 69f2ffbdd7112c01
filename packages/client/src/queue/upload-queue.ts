/** The public face of the queue. docs/queue.md tells what each guarantee rests on. */
import type { UploadClientOptions } from '../upload-client.ts';
import type { QueueItem, QueuePriority } from './queue-item.ts';
import type { QueueMetrics, QueueSnapshot, QueueStorage } from './queue-snapshot.ts';

/** Makes what is sent out of what was given. `onProgress` takes 0 … 1. @throws anything: the upload is not accepted. */
export type Prepare = (
  blob: Blob,
  context: {
    readonly metadata: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly onProgress: (fraction: number) => void;
  },
) => Promise<Blob>;

export interface UploadQueueOptions extends UploadClientOptions {
  /** Default `holdfast-queue`. */
  readonly databaseName?: string;
  /** Whose uploads: only these are seen and sent. Give the signed-in user's id. Default `default`. */
  readonly owner?: string;
  /**
   * What is created on the server. `recording`: a recording (docs/recordings.md) with subject, topic and speaker from the metadata
   * (`asignatura`, `tema`, `profesor_text`). Default `upload`.
   */
  readonly target?: 'upload' | 'recording';
  /** Does `config.compressionEnabled`, e.g. with `@holdfast/client/audio`. What it returns is stored and sent. */
  readonly compress?: Prepare;
  /** Uploads that are worked on at once, of one priority. Default 4. */
  readonly activeMax?: number;
  /** Bytes of a file kept in one record, 1 … 32 MiB. Default 8 MiB. */
  readonly sliceBytes?: number;
  /** Completed and cancelled uploads leave the list after so long, in ms. Default 24 hours. */
  readonly keepFinishedMs?: number;
  /** Unfinished uploads with which nothing happened for so long are removed at start, in ms. Default 30 days. */
  readonly expireAfterMs?: number;
}

export interface QueueUploadConfig {
  /** Bytes per chunk; the server fits it into its limits. Default: by the measured speed. */
  readonly chunkSize?: number;
  /** Compress before storing; needs the option `compress`. Default false. */
  readonly compressionEnabled?: boolean;
  /** Send the SHA-256 of each chunk for the server to check. Default true. */
  readonly validationEnabled?: boolean;
}

export interface QueueAddOptions {
  /** Default `normal`. */
  readonly priority?: QueuePriority;
  /** How often a failed upload is begun again by itself; waiting for network and server does not count. Default 3. */
  readonly maxRetries?: number;
  readonly config?: QueueUploadConfig;
  /** Default: the File's name, else `recording` or `blob` with an ending for the type. */
  readonly filename?: string;
  /** Default: the Blob's type. */
  readonly contentType?: string;
  /** Default: that of the queue. */
  readonly target?: 'upload' | 'recording';
  /**
   * The server's id of an unfinished upload of the same file that this queue does not know (begun elsewhere, or before `clear`): only what
   * is missing is sent, after what is there was compared.
   */
  readonly resumeId?: string;
  /** Ends it before it is accepted; afterwards use `cancel`. */
  readonly signal?: AbortSignal;
}

/** An upload whose bytes still come in. */
export interface QueueRecording {
  /** Of the item in the queue. */
  readonly id: string;
  /** Adds bytes at the end; durable when it resolves. Calls are done in order. @throws UploadError */
  append(blob: Blob): Promise<void>;
  /** No more bytes will come: it is sent. Resolves with the id. */
  finish(): Promise<string>;
  /** Removes it and its bytes. */
  discard(): Promise<void>;
}

/** Events of one upload carry its item as it is after the change. */
export interface QueueEvents {
  'upload-added': QueueItem;
  'upload-started': QueueItem;
  /** At most 10 times a second for each upload; 4 in tabs that follow. */
  'upload-progress': QueueItem;
  'upload-paused': QueueItem;
  'upload-resumed': QueueItem;
  /** It failed, and is begun again by itself: `item.error`, `item.waiting`, `item.retries`. */
  'upload-retrying': QueueItem;
  'upload-completed': QueueItem;
  'upload-failed': QueueItem;
  'upload-cancelled': QueueItem;
  'upload-removed': QueueItem;
  'needs-reselect': QueueItem;
  /** Anything in the snapshot changed. */
  'queue-changed': QueueSnapshot;
  /** IndexedDB cannot be used (any more): from now on in memory only. */
  'storage-degraded': QueueStorage;
}
export type QueueEventName = keyof QueueEvents;

export interface UploadQueue {
  /**
   * Opens the storage and goes on with what is there. Called by itself by everything else but the getters; the constructor does nothing,
   * so that it can run on a server. May be called again, also after `close`.
   */
  start(): Promise<void>;
  /** The same object until something changed. */
  readonly snapshot: QueueSnapshot;
  /** Calls back after each change of `snapshot`, at most 10 times a second: with 500 uploads nobody wants to draw each of them. */
  subscribe(listener: () => void): () => void;
  list(): readonly QueueItem[];
  get(id: string): QueueItem | undefined;
  metrics(): QueueMetrics;
  on<K extends QueueEventName>(event: K, listener: (value: QueueEvents[K]) => void): () => void;

  /**
   * Stores and sends. Resolves with the id when it is durable (`keeping: 'stored'`), or when it is certain that there is no room
   * (`memory`); sending begins before. A file that the queue asks to be selected again is recognised and goes on under its old id.
   * @throws UploadError when it cannot be accepted: `source-unreadable`, `cancelled`, what `compress` failed with.
   */
  addUpload(blob: Blob, metadata?: Readonly<Record<string, string>>, options?: QueueAddOptions): Promise<string>;
  /** Resolves when the recording is durable as begun. */
  openRecording(metadata?: Readonly<Record<string, string>>, options?: QueueAddOptions): Promise<QueueRecording>;
  /** For `needs-reselect`. @throws UploadError `resume-mismatch` when it is another file. */
  provideFile(id: string, file: Blob): Promise<void>;

  /** Commands resolve when they are recorded; one that makes no sense (any more) does nothing. */
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** After `failed`: begins again with the retries anew; while `waiting`: tries now. */
  retry(id: string): Promise<void>;
  /** Ends it, also on the server, and frees its bytes. */
  cancel(id: string): Promise<void>;
  /** Takes it off the list; cancels it first if it is not over. */
  remove(id: string): Promise<void>;
  /** Stops and wipes everything of an owner in this browser, e.g. at sign-out. Default: the queue's owner. The server's unfinished uploads expire. */
  clear(options?: { readonly owner?: string }): Promise<void>;
  /** Stops working in this tab; nothing is lost, another tab takes over. Resolves when everything is let go. */
  close(): Promise<void>;
}
