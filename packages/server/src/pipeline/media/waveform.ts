/**
 * The waveform of a file's sound in the JSON format, version 2, of BBC audiowaveform (https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md),
 * which players such as peaks.js read. Lowest and highest sample of all channels per point, measured on every sample.
 */
import type { Clock } from '../../core/ports/clock.ts';
import { PermanentStepError } from '../context.ts';
import { onFilmClock } from './film-clock.ts';
import { guardedInput } from './input-guard.ts';
import type { AudioStream, MediaInfo } from './media-info.ts';
import { type MetadataEvent, MetadataLines } from './metadata-lines.ts';
import { printMarked } from './picture-filters.ts';
import { plainDiagnostics } from './probe.ts';
import { quietly, runTool } from './tool-run.ts';
import type { ReadyTools } from './tools.ts';

export interface Waveform {
  readonly version: 2;
  readonly channels: 1;
  /** Samples per second of the sound. */
  readonly sample_rate: number;
  readonly samples_per_pixel: number;
  readonly bits: 8;
  /** Points. */
  readonly length: number;
  /** Lowest and highest of each point in turn, -128 … 127. */
  readonly data: readonly number[];
}

const valuePipe = 3;
const textBytesMax = 2 * 1024 ** 3;
const lowestKey = 'lavfi.astats.Overall.Min_level';
const highestKey = 'lavfi.astats.Overall.Max_level';

/** Gathers points; joins neighbours whenever there are too many, so that the result is bounded whatever the length. Pure. */
export class WaveformPoints {
  readonly #max: number;
  #samplesPerPixel: number;
  #data: number[] = [];
  #joined = 1;
  #open: { low: number; high: number; count: number } | null = null;
  #low = 0;

  constructor(samplesPerPixel: number, pointsMax: number) {
    this.#samplesPerPixel = samplesPerPixel;
    this.#max = pointsMax;
  }

  get samplesPerPixel(): number {
    return this.#samplesPerPixel;
  }

  /** Levels are -1 … 1. */
  readonly take = (event: MetadataEvent): void => {
    if (event.kind !== 'value') return;
    if (event.key === lowestKey) this.#low = event.value;
    else if (event.key === highestKey) this.#point(this.#low, event.value);
  };

  finish(): number[] {
    if (this.#open) this.#close(this.#open);
    return this.#data;
  }

  #point(low: number, high: number): void {
    const open = this.#open ?? { low, high, count: 0 };
    open.low = Math.min(open.low, low);
    open.high = Math.max(open.high, high);
    open.count += 1;
    this.#open = open;
    if (open.count >= this.#joined) this.#close(open);
  }

  #close({ low, high }: { low: number; high: number }): void {
    const level = (value: number) =>
      Math.max(-128, Math.min(127, Math.round((Number.isFinite(value) ? value : 0) * 128)));
    this.#data.push(level(low), level(high));
    this.#open = null;
    if (this.#data.length >= this.#max * 2) this.#halve();
  }

  #halve(): void {
    const { length } = this.#data;
    const half: number[] = [];
    for (let at = 0; at < length; at += 4) {
      const [low = 0, high = 0, nextLow = low, nextHigh = high] = this.#data.slice(at, at + 4);
      half.push(Math.min(low, nextLow), Math.max(high, nextHigh));
    }
    this.#data = half;
    this.#joined *= 2;
    this.#samplesPerPixel *= 2;
  }
}

export interface WaveformRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  readonly media: MediaInfo;
  readonly rules: { readonly pointsPerSecond: number; readonly pointsMax: number; readonly decodeSecondsMax: number };
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
  progress(fraction: number): void;
}

/** @throws PermanentStepError when no sound can be decoded */
export async function measureWaveform(request: WaveformRequest, sound: AudioStream): Promise<Waveform> {
  const { tools, file, media, rules, signal, clock, timeoutMs, progress } = request;
  const sampleRate = sound.sampleRate ?? 48_000;
  const perPixel = Math.max(1, Math.round(sampleRate / rules.pointsPerSecond));
  const points = new WaveformPoints(perPixel, rules.pointsMax);
  const lines = new MetadataLines((event) => {
    points.take(event);
    if (event.kind === 'frame' && media.durationSeconds !== null) progress(event.time / media.durationSeconds);
  });
  const filters = [
    // Starts with the file, not with the sound, and fills gaps with silence, so that places in it are times.
    `aresample=${sampleRate}:async=1:first_pts=0`,
    'aformat=sample_fmts=flt',
    `asetnsamples=n=${perPixel}:p=0`,
    'astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Min_level+Max_level',
    printMarked('ametadata', valuePipe),
  ];
  const exit = await runTool({
    tools,
    program: 'ffmpeg',
    args: [
      ...[...quietly(tools), ...guardedInput(file), '-map', `0:${sound.index}`, '-af', filters.join(',')],
      ...['-t', String(rules.decodeSecondsMax), '-f', 'null', '-', ...onFilmClock(media, rules.decodeSecondsMax)],
    ],
    signal,
    clock,
    timeoutMs,
    outputs: [{ fd: valuePipe, bytesMax: textBytesMax, take: (chunk) => lines.push(chunk) }],
  });
  const data = points.finish();
  if (exit.code === null)
    throw new Error(`ffmpeg died by ${exit.signalName}: ${plainDiagnostics(exit.stderrTail, file)}`);
  if (data.length === 0)
    throw new PermanentStepError(`No sound of the file can be decoded: ${plainDiagnostics(exit.stderrTail, file)}`);
  return {
    version: 2,
    channels: 1,
    sample_rate: sampleRate,
    samples_per_pixel: points.samplesPerPixel,
    bits: 8,
    length: data.length / 2,
    data,
  };
}
