/** Decodes, filters and encodes, a second at a time. */
import { type AudioSample, AudioSampleSink } from 'mediabunny';
import { downmixWeights, mixInto } from '../dsp/downmix.ts';
import { adaptiveVoiceChain, type VoiceFilters } from '../dsp/voice-chain.ts';
import { durationSecondsMax } from '../presets.ts';
import { SkipError } from '../skipped.ts';
import type { OpusStream } from './opus-stream.ts';
import { asSkip, type SoundSource, tooLong } from './sound-source.ts';
import { Timeline } from './timeline.ts';

export interface ConvertOptions {
  readonly filters: VoiceFilters;
  readonly output: OpusStream;
  /** Stops when the result gets as large as this. */
  readonly bytesMax: number;
  readonly onSeconds: (seconds: number) => void;
}

/**
 * The sound of `sound` through the filters into a file; and how many seconds there were.
 * @throws SkipError
 */
export async function convert(sound: SoundSource, options: ConvertOptions): Promise<{ blob: Blob; seconds: number }> {
  const { output, filters, bytesMax, onSeconds } = options;
  const chain = adaptiveVoiceChain(filters);
  const timeline = new Timeline();
  const batch = new Batch(async (samples, rate) => {
    await output.add(chain.process(samples, rate));
    if (timeline.seconds > durationSecondsMax) throw tooLong();
    if (output.size >= bytesMax) throw tooLarge(timeline.seconds, sound.facts.durationSeconds);
    onSeconds(timeline.seconds);
  });
  try {
    for await (const { block, isLast } of blocks(sound)) {
      const { silence, skip } = timeline.place(block.timestamp, block.numberOfFrames, block.sampleRate);
      const frames = block.numberOfFrames - skip;
      const excess = isLast ? timeline.takeOffEnd(sound.facts.durationSeconds, frames, block.sampleRate) : 0;
      await batch.silence(silence, block.sampleRate);
      await batch.sound(block, skip, frames - excess);
    }
    await batch.flush();
    await output.add(chain.flush());
    return { blob: await output.finish(), seconds: timeline.seconds };
  } catch (error) {
    throw asSkip(error);
  }
}

/** Sizes are planned for the duration that the file gives; who gets beyond them had more to say, or was small already. */
export function tooLarge(seconds: number, announcedSeconds: number): SkipError {
  return seconds > announcedSeconds + 0.1
    ? new SkipError(
        'damaged',
        `The file announces ${announcedSeconds.toFixed(1)} s of sound and has more: its head is wrong.`,
      )
    : new SkipError('not-smaller', 'The result would not be smaller than the original, or than wanted.');
}

/** Decoded blocks; each is closed when the next one is asked for. */
async function* blocks({
  track,
}: SoundSource): AsyncGenerator<{ readonly block: AudioSample; readonly isLast: boolean }> {
  let held: AudioSample | null = null;
  try {
    for await (const sample of new AudioSampleSink(track).samples()) {
      if (held) yield { block: held, isLast: false };
      held?.close();
      held = sample;
    }
    if (held) yield { block: held, isLast: true };
  } finally {
    held?.close();
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

  async sound(block: AudioSample, skip: number, frameCount: number): Promise<void> {
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
    const length = this.#length;
    this.#length = 0;
    // Until the next block comes, nobody else uses this memory.
    if (length > 0) await this.#emit(this.#mix.subarray(0, length), this.#rate);
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
