/** A microphone while it is open: encoded slices as they come, and how loud it is. */
import { asRecorderError, recorderError } from './recorder-error.ts';
import type { RecorderPlatform } from './recorder-platform.ts';

export interface CaptureOptions {
  readonly platform: RecorderPlatform;
  readonly deviceId: string | null;
  readonly constraints: MediaTrackConstraints;
  readonly mimeType: string;
  readonly bitrate: number;
  readonly timesliceMs: number;
  /** In order; together they are the file. */
  readonly onSlice: (slice: Blob) => void;
  /** The microphone ended by itself. */
  readonly onLost: () => void;
}

/** Formats that can be cut off anywhere and still be played, by preference. */
const formats = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus', 'audio/mp4;codecs=mp4a.40.2', 'audio/mp4'] as const;

/** @throws UploadError `recording-unsupported` */
export function chooseFormat(platform: RecorderPlatform, wanted: string | undefined): string {
  const format = (wanted === undefined ? formats : [wanted]).find((type) => platform.canRecord(type));
  if (format === undefined) throw recorderError('recording-unsupported');
  return format;
}

/** Quieter than this is silence, in dBFS. */
const floorDb = -60;

export class Capture {
  readonly #stream: MediaStream;
  readonly #recorder: MediaRecorder;
  readonly #timesliceMs: number;
  readonly #meter: { readonly context: AudioContext; readonly analyser: AnalyserNode } | null;
  readonly #samples = new Float32Array(1_024);

  private constructor(stream: MediaStream, options: CaptureOptions) {
    const { platform, mimeType, bitrate, onSlice, onLost } = options;
    this.#stream = stream;
    this.#timesliceMs = options.timesliceMs;
    this.#recorder = platform.createRecorder(stream, { mimeType, audioBitsPerSecond: bitrate });
    this.#recorder.ondataavailable = ({ data }) => {
      if (data.size > 0) onSlice(data);
    };
    // Its encoder failed, or the system took the sound away: nobody shall go on speaking to it.
    this.#recorder.onstop = onLost;
    this.#meter = openMeter(platform, stream);
    for (const track of stream.getAudioTracks()) track.onended = onLost;
  }

  /** Asks for the microphone: the browser may ask the person. @throws UploadError */
  static async open(options: CaptureOptions): Promise<Capture> {
    const { platform, deviceId, constraints } = options;
    const { mediaDevices } = platform;
    if (mediaDevices === undefined) throw recorderError('insecure-page');
    let stream: MediaStream;
    try {
      const chosen = deviceId === null ? {} : { deviceId: { exact: deviceId } };
      stream = await mediaDevices.getUserMedia({ audio: { ...constraints, ...chosen } });
    } catch (cause) {
      throw asRecorderError(cause);
    }
    try {
      return new Capture(stream, options);
    } catch (cause) {
      release(stream);
      throw asRecorderError(cause);
    }
  }

  /** The device that the browser gave us. */
  get deviceId(): string | null {
    return this.#stream.getAudioTracks()[0]?.getSettings().deviceId ?? null;
  }

  start(): void {
    this.#recorder.start(this.#timesliceMs);
  }

  pause(): void {
    if (this.#recorder.state !== 'recording') return;
    // What was said until now is not to wait for the end of the pause.
    this.#recorder.requestData();
    this.#recorder.pause();
  }

  resume(): void {
    if (this.#recorder.state === 'paused') this.#recorder.resume();
  }

  /** Resolves when the last slice was given out; the microphone is free then. */
  async stop(): Promise<void> {
    if (this.#recorder.state !== 'inactive') {
      const stopped = new Promise<void>((resolve) => {
        this.#recorder.onstop = () => resolve();
      });
      this.#recorder.stop();
      await stopped;
    }
    release(this.#stream);
    await this.#meter?.context.close().catch(() => {});
  }

  /** How loud it is now: 0 is −60 dBFS and below, 1 is 0 dBFS (root mean square of 20 ms or so). */
  level(): number {
    if (this.#meter === null) return 0;
    this.#meter.analyser.getFloatTimeDomainData(this.#samples);
    let power = 0;
    for (const sample of this.#samples) power += sample * sample;
    const db = 10 * Math.log10(power / this.#samples.length);
    return Math.min(1, Math.max(0, 1 - db / floorDb));
  }
}

/** Null where it cannot be had: recording matters more than its meter. */
function openMeter(platform: RecorderPlatform, stream: MediaStream) {
  try {
    const context = platform.createAudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1_024;
    context.createMediaStreamSource(stream).connect(analyser);
    return { context, analyser };
  } catch {
    return null;
  }
}

function release(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}
