/** Who speaks when, by sherpa-onnx's models: a segmentation model and a speaker embedding model. Runs in the native process. */
import { loadSherpa } from './sherpa.ts';

export interface DiarizationConfig {
  readonly segmentation: string;
  readonly embedding: string;
  /** -1: the models find out. */
  readonly speakers: number;
  readonly threads: number;
  /** It takes the sound as a whole, so there is an end to what it takes. */
  readonly secondsMax: number;
}

export class Diarizer {
  readonly #secondsMax: number;
  readonly #engine: InstanceType<ReturnType<typeof loadSherpa>['OfflineSpeakerDiarization']>;
  readonly #blocks: Float32Array[] = [];
  #length = 0;

  constructor({ segmentation, embedding, speakers, threads, secondsMax }: DiarizationConfig) {
    this.#secondsMax = secondsMax;
    this.#engine = new (loadSherpa().OfflineSpeakerDiarization)({
      segmentation: { pyannote: { model: segmentation }, numThreads: threads },
      embedding: { model: embedding, numThreads: threads },
      clustering: { numClusters: speakers, threshold: 0.5 },
      minDurationOn: 0.2,
      minDurationOff: 0.5,
    });
  }

  push(samples: Float32Array): void {
    this.#length += samples.length;
    if (this.#length > this.#secondsMax * this.#engine.sampleRate)
      throw new Error(`the speaker models take at most ${this.#secondsMax} s at once`);
    this.#blocks.push(samples);
  }

  /** Seconds, and the speakers counted from 0. */
  end(): { start: number; end: number; speaker: number }[] {
    const whole = new Float32Array(this.#length);
    let at = 0;
    for (const block of this.#blocks) {
      whole.set(block, at);
      at += block.length;
    }
    return this.#engine.process(whole);
  }
}
