/**
 * Records from the microphone into a sink while it records: each slice is made durable as it comes, so that a crash loses at most the
 * last second. Nothing happens before `start`.
 *
 * idle → starting → recording ⇄ paused → stopping → stopped; failed from any of them. `start` again leads from the last two to a new
 * recording. Whatever goes wrong while it records, what is durable is finished and sent.
 */

import type { QueueAddOptions, QueueRecording, UploadQueue } from '../queue/upload-queue.ts';
import { defaultRuntime, type Runtime } from '../runtime.ts';
import type { UploadError } from '../upload-error.ts';
import { type Watchable, Watched } from '../watchable.ts';
import { Capture, chooseFormat } from './capture.ts';
import { asRecorderError, recorderError } from './recorder-error.ts';
import { browserPlatform, type RecorderPlatform } from './recorder-platform.ts';

/** Where a recording goes: the queue's, or one of your own with the same obligations. */
export type OpenSink = (format: { readonly contentType: string }) => Promise<QueueRecording>;

export interface RecorderOptions {
  /** Recordings are stored in this browser and sent from it. */
  readonly queue?: Pick<UploadQueue, 'openRecording'> | undefined;
  /** Instead of a queue. */
  readonly sink?: OpenSink | undefined;
  /** For the queue. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** For the queue: `target`, `filename`, `priority` … */
  readonly upload?: QueueAddOptions | undefined;
  /** Default: the system's. */
  readonly deviceId?: string | null | undefined;
  /** A slice is made durable every so often, 100 … 1000 ms. Default 500. */
  readonly timesliceMs?: number | undefined;
  /** Default: Opus in WebM or Ogg, else AAC in MP4. */
  readonly mimeType?: string | undefined;
  /** Bits per second. Default 64,000: more gains nothing for speech. */
  readonly bitrate?: number | undefined;
  /** Of the track, e.g. `{ noiseSuppression: false }`. */
  readonly constraints?: MediaTrackConstraints | undefined;
  readonly platform?: RecorderPlatform | undefined;
  readonly runtime?: Partial<Runtime> | undefined;
}

export type RecorderStatus = 'idle' | 'starting' | 'recording' | 'paused' | 'stopping' | 'stopped' | 'failed';

export interface Microphone {
  readonly deviceId: string;
  /** Empty until the person has allowed a microphone once. */
  readonly label: string;
}

export interface RecorderState {
  readonly status: RecorderStatus;
  /** Whole seconds that were recorded, without pauses. */
  readonly seconds: number;
  /** Bytes that are durable. */
  readonly bytesStored: number;
  /** What can be recorded from. */
  readonly microphones: readonly Microphone[];
  /** Chosen, or in use; null is the system's. */
  readonly deviceId: string | null;
  /** Id in the queue, once recording; `useUploadQueue` shows how it is sent. */
  readonly uploadId: string | null;
  /** In `failed`; also in `stopped`, when it was stopped by something that went wrong. */
  readonly error: UploadError | null;
}

/** One recording under way. */
interface Take {
  readonly capture: Capture;
  readonly sink: QueueRecording;
  /** Every slice so far is durable. None is written behind one that is not: that would leave a gap. */
  written: Promise<void>;
}

const tickMs = 100;
const timesliceMsRange = [100, 1_000] as const;

export interface Recorder extends Watchable<RecorderState> {
  /** How loud it is, 0 … 1, ten times a second while it records. Apart from the state, so that only a meter is drawn for it. */
  readonly level: Watchable<number>;
  /** Asks for the microphone and records. Never rejects: `error` says what is wrong. */
  start(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Ends it; the upload goes on. Resolves with the id in the queue; null if there was nothing to stop. */
  stop(): Promise<string | null>;
  /** Ends it and forgets what was recorded. */
  discard(): Promise<void>;
  /** For the next recording. */
  chooseMicrophone(deviceId: string | null): void;
  /** Keeps `microphones` up to date until the returned function is called. */
  watchMicrophones(): () => void;
}

/** @throws RangeError for a timeslice out of its range; TypeError without a queue and a sink. */
export function createRecorder(options: RecorderOptions): Recorder {
  const [min, max] = timesliceMsRange;
  const { timesliceMs = 500 } = options;
  if (!(timesliceMs >= min && timesliceMs <= max)) throw new RangeError(`timesliceMs must be ${min} … ${max}.`);
  if (options.queue === undefined && options.sink === undefined)
    throw new TypeError('A recorder needs a queue or a sink.');
  return new MicrophoneRecorder(options, timesliceMs);
}

class MicrophoneRecorder implements Recorder {
  readonly level = new Watched(0);
  readonly #state: Watched<RecorderState>;
  readonly #options: RecorderOptions;
  readonly #timesliceMs: number;
  readonly #platform: RecorderPlatform;
  readonly #runtime: Runtime;
  #take: Take | null = null;
  /** While the microphone and the storage are being opened. */
  #starting: { wanted: boolean; lost: boolean } | null = null;
  #ending: Promise<string | null> | null = null;
  /** Milliseconds recorded before the last pause, and since when it records. */
  #recordedMs = 0;
  #since: number | null = null;
  #cancelTick = () => {};

  constructor(options: RecorderOptions, timesliceMs: number) {
    this.#options = options;
    this.#timesliceMs = timesliceMs;
    this.#platform = options.platform ?? browserPlatform();
    this.#runtime = { ...defaultRuntime(), ...options.runtime };
    this.#state = new Watched<RecorderState>({
      ...{ status: 'idle', seconds: 0, bytesStored: 0, microphones: [] },
      ...{ deviceId: options.deviceId ?? null, uploadId: null, error: null },
    });
  }

  get snapshot(): RecorderState {
    return this.#state.snapshot;
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#state.subscribe(listener);

  async start(): Promise<void> {
    if (!['idle', 'stopped', 'failed'].includes(this.snapshot.status)) return;
    this.#set({ status: 'starting', seconds: 0, bytesStored: 0, uploadId: null, error: null });
    this.#recordedMs = 0;
    this.#ending = null;
    const starting = { wanted: true, lost: false };
    this.#starting = starting;
    let capture: Capture | null = null;
    try {
      const mimeType = chooseFormat(this.#platform, this.#options.mimeType);
      const early: Blob[] = [];
      let onSlice: (slice: Blob) => void = (slice) => early.push(slice);
      capture = await Capture.open({
        ...{ platform: this.#platform, deviceId: this.snapshot.deviceId, mimeType, timesliceMs: this.#timesliceMs },
        ...{ constraints: this.#options.constraints ?? {}, bitrate: this.#options.bitrate ?? 64_000 },
        onSlice: (slice) => onSlice(slice),
        onLost: () => {
          starting.lost = true;
          if (this.#take !== null) void this.#end(recorderError('microphone-lost'));
        },
      });
      // The words after the click are not to be lost while the storage opens.
      capture.start();
      const take = { capture, sink: await this.#openSink(mimeType), written: Promise.resolve() };
      onSlice = (slice) => this.#write(take, slice);
      for (const slice of early) onSlice(slice);
      this.#take = take;
    } catch (cause) {
      await capture?.stop();
      this.#set({ status: 'failed', error: asRecorderError(cause) });
      return;
    } finally {
      this.#starting = null;
    }
    // Nobody waits for it any more.
    if (!starting.wanted) return this.discard();
    this.#since = this.#runtime.now();
    this.#set({ status: 'recording', deviceId: capture.deviceId, uploadId: this.#take.sink.id });
    this.#tick();
    // Names are told only now.
    void this.#listMicrophones();
    if (starting.lost) void this.#end(recorderError('microphone-lost'));
  }

  pause(): void {
    if (this.snapshot.status !== 'recording') return;
    this.#take?.capture.pause();
    this.#recordedMs = this.#elapsedMs();
    this.#since = null;
    this.#set({ status: 'paused' });
  }

  resume(): void {
    if (this.snapshot.status !== 'paused') return;
    this.#take?.capture.resume();
    this.#since = this.#runtime.now();
    this.#set({ status: 'recording' });
  }

  stop(): Promise<string | null> {
    return this.#end(null);
  }

  async discard(): Promise<void> {
    if (this.#starting !== null) this.#starting.wanted = false;
    const take = this.#release();
    if (take === null) return;
    await take.capture.stop();
    await take.written.catch(() => {});
    await take.sink.discard();
    this.#set({ status: 'idle', seconds: 0, bytesStored: 0, uploadId: null });
  }

  chooseMicrophone(deviceId: string | null): void {
    this.#set({ deviceId });
  }

  watchMicrophones(): () => void {
    const { mediaDevices } = this.#platform;
    if (mediaDevices === undefined) return () => {};
    const list = () => void this.#listMicrophones();
    list();
    mediaDevices.addEventListener('devicechange', list);
    return () => mediaDevices.removeEventListener('devicechange', list);
  }

  async #openSink(contentType: string): Promise<QueueRecording> {
    const { sink, queue, metadata, upload } = this.#options;
    if (sink !== undefined) return sink({ contentType });
    if (queue === undefined) throw new TypeError('A recorder needs a queue or a sink.');
    return queue.openRecording(metadata, { ...upload, contentType });
  }

  #write(take: Take, slice: Blob): void {
    take.written = take.written.then(async () => {
      await take.sink.append(slice);
      this.#set({ bytesStored: this.snapshot.bytesStored + slice.size });
    });
    take.written.catch((cause: unknown) => void this.#end(asRecorderError(cause)));
  }

  /** Takes the recording out of the state, so that it is ended once only. */
  #release(): Take | null {
    const take = this.#take;
    this.#take = null;
    if (take === null) return null;
    this.#cancelTick();
    this.#recordedMs = this.#elapsedMs();
    this.#since = null;
    this.level.set(0);
    this.#set({ status: 'stopping' });
    return take;
  }

  #end(error: UploadError | null): Promise<string | null> {
    if (this.#starting !== null) this.#starting.wanted = false;
    const take = this.#release();
    if (take === null) return this.#ending ?? Promise.resolve(null);
    this.#ending = this.#finish(take, error);
    return this.#ending;
  }

  async #finish(take: Take, error: UploadError | null): Promise<string | null> {
    try {
      await take.capture.stop();
      // Also what was said just before somebody stopped it may not have found room.
      const lost = await take.written.then(() => null, asRecorderError);
      const uploadId = await take.sink.finish();
      this.#set({ status: 'stopped', uploadId, error: error ?? lost });
      return uploadId;
    } catch (cause) {
      // What is durable stays so: the queue finds it when it starts again.
      this.#set({ status: 'failed', error: error ?? asRecorderError(cause) });
      return null;
    }
  }

  async #listMicrophones(): Promise<void> {
    const devices = (await this.#platform.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    const microphones = devices
      .filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId !== '')
      .map(({ deviceId, label }) => ({ deviceId, label }));
    this.#set({ microphones });
  }

  #tick(): void {
    const seconds = Math.floor(this.#elapsedMs() / 1_000);
    if (seconds !== this.snapshot.seconds) this.#set({ seconds });
    this.level.set(this.#since === null ? 0 : (this.#take?.capture.level() ?? 0));
    this.#cancelTick = this.#runtime.after(tickMs, () => this.#tick());
  }

  #elapsedMs(): number {
    return this.#recordedMs + (this.#since === null ? 0 : this.#runtime.now() - this.#since);
  }

  #set(change: Partial<RecorderState>): void {
    this.#state.set(Object.freeze({ ...this.snapshot, ...change }));
  }
}
