/**
 * One uploader without its looks: a file is chosen, perhaps compressed, and sent; commands in, immutable states out. It outlives the
 * component that draws it. Nothing happens before `choose`.
 */
import type { UploadClient } from '../upload-client.ts';
import type { UploadError } from '../upload-error.ts';
import type { UploadHandle } from '../upload-handle.ts';
import { blobSource } from '../upload-source.ts';
import { Listeners, type Watchable } from '../watchable.ts';
import {
  type CompressAudio,
  type CompressionOutcome,
  type CompressionQuality,
  type CompressionReport,
  filenameFor,
  reportOf,
} from './compression.ts';
import { type FileRules, refusalOf } from './file-rules.ts';
import {
  type ChosenFile,
  composeState,
  isLive,
  progressOf,
  type Stage,
  type UploaderState,
  type UploadProgress,
  type UploadResult,
} from './uploader-state.ts';

export interface UploadStart {
  readonly recordingId: string;
  readonly filename: string;
  /** Bytes that are sent. */
  readonly size: number;
}

/** What an embedder hears of. Called outside of React's work, in order, also while the tab is hidden. */
export interface UploadEvents {
  /** The server knows the upload. Once for each file. */
  readonly onUploadStart?: ((start: UploadStart) => void) | undefined;
  /** At most 10 times a second. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** Per cent, 0 … 100. */
  readonly onCompressionProgress?: ((percent: number) => void) | undefined;
  readonly onComplete?: ((result: UploadResult) => void) | undefined;
  readonly onError?: ((error: UploadError) => void) | undefined;
  readonly onCancel?: (() => void) | undefined;
}

export interface FlowOptions extends FileRules, UploadEvents {
  readonly client: UploadClient;
  /** Null: nothing is compressed. */
  readonly compression: {
    readonly compress: CompressAudio;
    readonly quality: CompressionQuality;
    /** Seconds. */
    readonly duration: number | undefined;
  } | null;
  /** What is created. A recording takes its fields from the metadata. */
  readonly target: 'upload' | 'recording';
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** Begin as soon as there is a file. */
  readonly autoStart: boolean;
}

export class UploadFlow implements Watchable<UploaderState> {
  /** Asked whenever they matter, so that they may change. */
  readonly #options: () => FlowOptions;
  readonly #listeners = new Listeners();
  #stage: Stage = { name: 'idle' };
  #state: UploaderState = composeState(this.#stage);
  #unwatch = () => {};

  constructor(options: () => FlowOptions) {
    this.#options = options;
  }

  get snapshot(): UploaderState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Takes a file; one that is under way is cancelled. The same blob again changes nothing. */
  choose(blob: Blob, name?: string): void {
    const stage = this.#stage;
    if (stage.name !== 'idle' && stage.name !== 'cancelled' && stage.file.blob === blob) return;
    this.#abandon();
    const file = { blob, name: name ?? blobSource(blob).name };
    const options = this.#options();
    const error = refusalOf(file, options);
    if (error !== null) {
      this.#enter({ name: 'refused', file, error });
      this.#emit((events) => events.onError?.(error));
      return;
    }
    this.#enter({ name: 'ready', file });
    if (options.autoStart) this.start();
  }

  start(): void {
    const stage = this.#stage;
    if (stage.name !== 'ready') return;
    const { file } = stage;
    if (this.#options().compression !== null && canBeAudio(file)) void this.#compress(file);
    else this.#send(file, file.blob, null);
  }

  pause(): void {
    void this.#handle?.pause();
  }

  resume(): void {
    this.#handle?.resume();
  }

  /** After a failure: goes on from what the server has. After a cancellation: from the beginning. */
  retry(): void {
    const stage = this.#stage;
    const { status } = this.#state;
    if (status === 'cancelled' && stage.name !== 'idle') {
      this.#enter({ name: 'ready', file: stage.file });
      this.start();
    } else this.#handle?.retry();
  }

  cancel(): void {
    const stage = this.#stage;
    if (!isLive(this.#state.status)) return;
    if (stage.name === 'compressing') stage.stop.abort();
    if (stage.name === 'sending') void stage.handle.cancel();
    else if (stage.name !== 'idle') {
      this.#enter({ name: 'cancelled', file: stage.file });
      this.#emit((events) => events.onCancel?.());
    }
  }

  /** Back to no file; what is under way is cancelled. */
  reset(): void {
    this.#abandon();
    this.#enter({ name: 'idle' });
  }

  get #handle(): UploadHandle | null {
    return this.#stage.name === 'sending' ? this.#stage.handle : null;
  }

  /** Cancels without a word: whoever chose another file knows. */
  #abandon(): void {
    const stage = this.#stage;
    this.#unwatch();
    this.#unwatch = () => {};
    if (stage.name === 'compressing') stage.stop.abort();
    if (stage.name === 'sending' && isLive(this.#state.status)) void stage.handle.cancel();
  }

  #enter(stage: Stage): void {
    this.#stage = stage;
    this.#state = composeState(stage);
    this.#listeners.call();
  }

  async #compress(file: ChosenFile): Promise<void> {
    const { compression } = this.#options();
    if (compression === null) return;
    const stop = new AbortController();
    const { signal } = stop;
    this.#enter({ name: 'compressing', file, fraction: 0, stop });
    const { compress, quality, duration } = compression;
    const onProgress = (fraction: number) => {
      if (signal.aborted) return;
      this.#enter({ name: 'compressing', file, fraction, stop });
      this.#emit((events) => events.onCompressionProgress?.(fraction * 100));
    };
    let outcome: CompressionOutcome;
    try {
      outcome = await compress({ blob: file.blob, quality, duration, onProgress, signal });
    } catch (error) {
      // The original is better than nothing; why it is sent as it is stands beside it.
      const message = error instanceof Error ? error.message : String(error);
      outcome = { blob: file.blob, skipped: { reason: 'failed', message }, bitrate: null };
    }
    if (!signal.aborted) this.#send(file, outcome.blob, reportOf(file.blob, outcome));
  }

  #send(file: ChosenFile, blob: Blob, report: CompressionReport | null): void {
    const { client, target, metadata } = this.#options();
    const handle = client.add(blobSource(blob, filenameFor(file.name, file.blob, blob)), {
      ...(metadata === undefined ? {} : { metadata }),
      target,
    });
    const stage: Stage = { name: 'sending', file, report, handle, endpoint: client.endpoint };
    let before = composeState(stage);
    let started = false;
    this.#unwatch = handle.subscribe(() => {
      const now = composeState(stage);
      this.#enter(stage);
      if (!started && now.snapshot?.uploadId) {
        started = true;
        const start = { recordingId: now.snapshot.uploadId, filename: now.snapshot.filename, size: blob.size };
        this.#emit((events) => events.onUploadStart?.(start));
      }
      this.#tell(before, now);
      before = now;
    });
    this.#enter(stage);
  }

  /** What changed between two states of one upload. */
  #tell(before: UploaderState, now: UploaderState): void {
    const { progress, error, result, snapshot } = now;
    if (snapshot !== null && progress !== null && !sameProgress(before, now)) {
      this.#emit((events) => events.onProgress?.(progressOf(snapshot)));
    }
    if (now.status === before.status) return;
    if (result !== null) this.#emit((events) => events.onComplete?.(result));
    if (error !== null) this.#emit((events) => events.onError?.(error));
    if (now.status === 'cancelled') this.#emit((events) => events.onCancel?.());
  }

  /** An embedder that throws must not stop the engine: its error becomes the page's. */
  #emit(call: (events: UploadEvents) => void): void {
    const events = this.#options;
    queueMicrotask(() => call(events()));
  }
}

/** Files without a type are let through: the encoder finds out, and the original is sent if they are no audio. */
function canBeAudio({ blob }: ChosenFile): boolean {
  return blob.type === '' || /^(?:audio|video)\//.test(blob.type);
}

function sameProgress({ progress: a }: UploaderState, { progress: b }: UploaderState): boolean {
  return (
    a?.bytesUploaded === b?.bytesUploaded &&
    a?.percent === b?.percent &&
    a?.chunksUploaded === b?.chunksUploaded &&
    a?.totalChunks === b?.totalChunks &&
    a?.bytesPerSecond === b?.bytesPerSecond &&
    a?.etaSeconds === b?.etaSeconds
  );
}
