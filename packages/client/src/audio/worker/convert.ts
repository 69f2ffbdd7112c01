/** Decodes, filters and encodes, a second at a time. */
import {
  AudioSample,
  AudioSampleSink,
  AudioSampleSource,
  Output,
  Quality,
  StreamTarget,
  WebMOutputFormat,
} from 'mediabunny';
import { downmixWeights, mixInto } from '../dsp/downmix.ts';
import { adaptiveVoiceChain, type VoiceFilters, voiceRate } from '../dsp/voice-chain.ts';
import type { Plan } from '../goal-plan.ts';
import { durationSecondsMax } from '../presets.ts';
import { clusterSeconds } from '../size-plan.ts';
import { SkipError } from '../skipped.ts';
import { BlobSink } from './blob-sink.ts';
import type { OpusDetails } from './opus-encoder.ts';
import { asSkip, type SoundSource, tooLong } from './sound-source.ts';
import { Timeline } from './timeline.ts';

export interface ConvertOptions extends Pick<Plan, 'bitrate' | 'bitrateMode'> {
  readonly filters: VoiceFilters;
  readonly details: OpusDetails;
  /** Stops when the result gets as large as this. */
  readonly bytesMax: number;
  readonly onSeconds: (seconds: number) => void;
}

const outputChunkBytes = 256 * 1024;

/** @throws SkipError */
export async function convert(sound: SoundSource, options: ConvertOptions): Promise<{ blob: Blob; seconds: number }> {
  const sink = new BlobSink();
  const encoder = createEncoder(sink, options);
  const chain = adaptiveVoiceChain(options.filters);
  const timeline = new Timeline();
  const batch = new Batch(async (samples, rate) => {
    await encoder.add(chain.process(samples, rate));
    if (timeline.seconds > durationSecondsMax) throw tooLong();
    if (sink.size >= options.bytesMax)
      throw new SkipError('not-smaller', 'The result would not be smaller than the original.');
    options.onSeconds(timeline.seconds);
  });
  await encoder.start();
  try {
    for await (const sample of decoded(sound)) {
      using block = sample;
      const { silence, skip } = timeline.place(block.timestamp, block.numberOfFrames, block.sampleRate);
      await batch.silence(silence, block.sampleRate);
      await batch.sound(block, skip);
    }
    await batch.flush();
    await encoder.add(chain.flush());
    await encoder.finish();
  } catch (error) {
    throw asSkip(error);
  }
  return { blob: sink.blob('audio/webm;codecs=opus'), seconds: timeline.seconds };
}

/** What the decoder gives. Names the fault of the decoder as one. */
async function* decoded({ track }: SoundSource): AsyncGenerator<AudioSample> {
  try {
    yield* new AudioSampleSink(track).samples();
  } catch (error) {
    throw asSkip(error);
  }
}

/** Collects decoded blocks, mixed to one channel, until there is a second of them. */
class Batch {
  readonly #emit: (samples: Float32Array, rate: number) => Promise<void>;
  #mix = new Float32Array(0);
  #plane = new Float32Array(0);
  #length = 0;
  #rate = 0;

  constructor(emit: (samples: Float32Array, rate: number) => Promise<void>) {
    this.#emit = emit;
  }

  async silence(frames: number, rate: number): Promise<void> {
    for (let left = frames; left > 0; left -= Math.min(left, rate)) {
      const room = await this.#room(Math.min(left, rate), rate);
      room.fill(0);
      await this.#emitWhenFull();
    }
  }

  async sound(block: AudioSample, skip: number): Promise<void> {
    const frameCount = block.numberOfFrames - skip;
    if (frameCount <= 0) return;
    const room = await this.#room(frameCount, block.sampleRate);
    room.fill(0);
    if (this.#plane.length < frameCount) this.#plane = new Float32Array(frameCount);
    const plane = this.#plane.subarray(0, frameCount);
    downmixWeights(block.numberOfChannels).forEach((weight, planeIndex) => {
      if (weight === 0) return;
      block.copyTo(plane, { planeIndex, format: 'f32-planar', frameOffset: skip, frameCount });
      mixInto(room, plane, weight);
    });
    await this.#emitWhenFull();
  }

  async flush(): Promise<void> {
    if (this.#length > 0) await this.#emit(this.#mix.slice(0, this.#length), this.#rate);
    this.#length = 0;
  }

  async #room(frames: number, rate: number): Promise<Float32Array> {
    if (rate !== this.#rate) await this.flush();
    this.#rate = rate;
    const end = this.#length + frames;
    if (end > this.#mix.length) {
      const larger = new Float32Array(Math.max(end, 2 * rate));
      larger.set(this.#mix.subarray(0, this.#length));
      this.#mix = larger;
    }
    this.#length = end;
    return this.#mix.subarray(end - frames, end);
  }

  async #emitWhenFull(): Promise<void> {
    if (this.#length >= this.#rate) await this.flush();
  }
}

function createEncoder(sink: BlobSink, { bitrate, bitrateMode, details }: ConvertOptions) {
  const source = new AudioSampleSource({
    codec: 'opus',
    quality: new Quality({ bitrate, bitrateMode }),
    onEncoderConfig: (config) => {
      if (details) config.opus = details;
    },
  });
  const output = new Output({
    format: new WebMOutputFormat({ minimumClusterDuration: clusterSeconds }),
    target: new StreamTarget(sink.stream(), { chunked: true, chunkSize: outputChunkBytes }),
  });
  output.addAudioTrack(source);
  let produced = 0;
  const guarded = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new SkipError('cannot-encode', `The encoder of the browser failed: ${message}`, error);
    }
  };
  return {
    start: () => guarded(() => output.start()),
    add: (samples: Float32Array) =>
      guarded(async () => {
        if (samples.length === 0) return;
        const data = samples as Float32Array<ArrayBuffer>;
        using sample = new AudioSample({
          data,
          format: 'f32-planar',
          numberOfChannels: 1,
          sampleRate: voiceRate,
          timestamp: produced / voiceRate,
        });
        produced += samples.length;
        await source.add(sample);
      }),
    finish: () => guarded(() => output.finalize()),
  };
}
