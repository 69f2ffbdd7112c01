/** Samples in, a WebM file out, through the browser's encoder. */
import { voiceRate } from '../dsp/voice-chain.ts';
import type { Plan } from '../goal-plan.ts';
import { SkipError } from '../skipped.ts';
import type { OpusDetails } from './opus-encoder.ts';
import { WebmWriter } from './webm-writer.ts';

/** Blocks that may wait in front of the encoder. */
const queueMax = 4;
/**
 * Samples at 48 kHz by which libopus delays. Chromium describes it in samples of the input's rate (104 at 16 kHz), which would make everything
 * 4.3 ms late, so the larger one is right.
 */
const libopusDelay = 312;
const preSkipOffset = 10;

export class OpusStream {
  readonly #encoder: AudioEncoder;
  readonly #writer: WebmWriter;
  #opusHead: Uint8Array<ArrayBuffer> | null = null;
  #failure: unknown = null;
  #samples = 0;

  constructor({ bitrate, bitrateMode, frameMs }: Plan, opus: OpusDetails) {
    this.#writer = new WebmWriter(frameMs);
    this.#encoder = new AudioEncoder({
      output: (chunk, metadata) => this.#write(chunk, metadata),
      error: (error) => {
        this.#failure = error;
      },
    });
    const config = { codec: 'opus', sampleRate: voiceRate, numberOfChannels: 1, bitrate, bitrateMode };
    this.#encoder.configure(opus ? { ...config, opus } : config);
  }

  /** Bytes of the file so far. */
  get size(): number {
    return this.#writer.size;
  }

  /** Mono at 16 kHz. Resolves when the encoder has room for more. */
  async add(samples: Float32Array): Promise<void> {
    if (samples.length === 0) return;
    const { length } = samples;
    this.#encode(samples);
    this.#samples += length;
    while (this.#encoder.encodeQueueSize > queueMax && this.#failure === null)
      await new Promise((resolve) => this.#encoder.addEventListener('dequeue', resolve, { once: true }));
    this.#checked();
  }

  /** The whole file. */
  async finish(): Promise<Blob> {
    // What the encoder delays comes out with what is put behind it.
    this.#encode(new Float32Array((libopusDelay * voiceRate) / 48_000));
    await this.#encoder.flush().catch((error: unknown) => {
      this.#failure ??= error;
    });
    this.#checked();
    this.#encoder.close();
    const opusHead = this.#opusHead;
    if (!opusHead) throw new SkipError('cannot-encode', 'The encoder of the browser does not describe its output.');
    const view = new DataView(opusHead.buffer, opusHead.byteOffset, opusHead.byteLength);
    const preSkip = Math.max(libopusDelay, view.getUint16(preSkipOffset, true));
    view.setUint16(preSkipOffset, preSkip, true);
    return this.#writer.finish({ opusHead, preSkip, seconds: this.#samples / voiceRate });
  }

  #encode(samples: Float32Array): void {
    this.#checked();
    // Handed over, not copied: the collector has less to look for.
    const own = samples.byteLength === samples.buffer.byteLength ? samples : samples.slice();
    const init: AudioDataInit & { transfer: ArrayBuffer[] } = {
      data: own as Float32Array<ArrayBuffer>,
      transfer: [own.buffer as ArrayBuffer],
      format: 'f32-planar',
      numberOfChannels: 1,
      numberOfFrames: samples.length,
      sampleRate: voiceRate,
      timestamp: Math.round((this.#samples * 1e6) / voiceRate),
    };
    const data = new AudioData(init);
    this.#encoder.encode(data);
    data.close();
  }

  #write(chunk: EncodedAudioChunk, metadata?: EncodedAudioChunkMetadata): void {
    const description = metadata?.decoderConfig?.description;
    if (description && !this.#opusHead) {
      const bytes = ArrayBuffer.isView(description)
        ? new Uint8Array(description.buffer, description.byteOffset, description.byteLength)
        : new Uint8Array(description);
      this.#opusHead = bytes.slice();
    }
    const frame = new Uint8Array(chunk.byteLength);
    chunk.copyTo(frame);
    this.#writer.add(frame);
  }

  #checked(): void {
    if (this.#failure === null) return;
    const message = this.#failure instanceof Error ? this.#failure.message : String(this.#failure);
    throw new SkipError('cannot-encode', `The encoder of the browser failed: ${message}`, this.#failure);
  }
}
