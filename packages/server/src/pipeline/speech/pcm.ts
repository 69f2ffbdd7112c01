/** Sound as numbers: 16 kHz, mono, 16 bit, in blocks of one length, decoded by ffmpeg without ever being whole in memory. */
import type { Clock } from '../../core/ports/clock.ts';
import { guardedInput } from '../media/input-guard.ts';
import { decodingFailure } from '../media/probe.ts';
import { quietly, runTool } from '../media/tool-run.ts';
import type { ReadyTools } from '../media/tools.ts';

export const sampleRate = 16_000;
const bytesPerSample = 2;
/** 1.024 s: 32 windows of the voice activity model. */
const blockBytes = 32 * 512 * bytesPerSample;
const wavHeaderBytesMax = 4_096;

export interface PcmRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  /** Takes the samples in order; the last block may be shorter. Decoding waits for it. */
  take(samples: Int16Array<ArrayBuffer>): void | Promise<void>;
  readonly secondsMax: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Decodes the file; resolves to its length in seconds. */
export async function decodePcm(request: PcmRequest): Promise<number> {
  const { tools, file, signal, clock, timeoutMs, secondsMax } = request;
  const blocks = new Blocks((samples) => request.take(samples));
  const exit = await runTool({
    tools,
    program: 'ffmpeg',
    args: [
      ...[...quietly(tools), ...guardedInput(file), '-map', '0:a:0', '-t', String(secondsMax)],
      ...['-ac', '1', '-ar', String(sampleRate), '-c:a', 'pcm_s16le', '-f', 's16le', 'pipe:1'],
    ],
    signal,
    clock,
    timeoutMs,
    outputs: [{ fd: 1, bytesMax: (secondsMax + 2) * sampleRate * bytesPerSample, take: (chunk) => blocks.push(chunk) }],
  });
  if (exit.code !== 0) throw decodingFailure('ffmpeg could not decode the sound', exit.stderrTail, file);
  await blocks.end();
  return blocks.bytes / bytesPerSample / sampleRate;
}

class Blocks {
  bytes = 0;
  readonly #take: (samples: Int16Array<ArrayBuffer>) => void | Promise<void>;
  #block = new Uint8Array(blockBytes);
  #filled = 0;

  constructor(take: (samples: Int16Array<ArrayBuffer>) => void | Promise<void>) {
    this.#take = take;
  }

  async push(chunk: Buffer): Promise<void> {
    this.bytes += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + blockBytes - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === blockBytes) await this.end();
    }
  }

  /** Hands out what there is. A block of its own each time: it is given away. */
  async end(): Promise<void> {
    const samples = new Int16Array(this.#block.buffer, 0, Math.floor(this.#filled / bytesPerSample));
    this.#block = new Uint8Array(blockBytes);
    this.#filled = 0;
    if (samples.length > 0) await this.#take(samples);
  }
}

export interface CutRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  /** WAV, 16 kHz, mono, 16 bit. */
  readonly out: string;
  readonly start: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** Cuts a stretch out, for programs that take files. */
export async function cutStretch({
  tools,
  file,
  out,
  start,
  seconds,
  signal,
  clock,
  timeoutMs,
}: CutRequest): Promise<void> {
  const exit = await runTool({
    tools,
    program: 'ffmpeg',
    args: [
      ...[
        ...quietly(tools),
        '-ss',
        start.toFixed(3),
        ...guardedInput(file),
        '-map',
        '0:a:0',
        '-t',
        seconds.toFixed(3),
        '-ac',
        '1',
        '-ar',
        String(sampleRate),
      ],
      ...['-c:a', 'pcm_s16le', '-fflags', '+bitexact', '-f', 'wav', out],
    ],
    signal,
    clock,
    timeoutMs,
    outputs: [],
    fileBytesMax: wavHeaderBytesMax + Math.ceil((seconds + 1) * sampleRate) * bytesPerSample,
  });
  if (exit.code !== 0) throw decodingFailure('ffmpeg could not cut the sound', exit.stderrTail, file);
}
