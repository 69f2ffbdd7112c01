/** Compression as a page calls it. */
import { defaultRuntime, type Runtime } from '../runtime.ts';
import { type AsrImpact, asrImpact, untouched } from './asr-impact.ts';
import type { VoiceFilters } from './dsp/voice-chain.ts';
import type { Compressed, Goal, Progress, SourceFacts } from './messages.ts';
import { bitrateMax, bitrateWarn, type CompressionPreset, compressionPresets } from './presets.ts';
import { type Skipped, skipped } from './skipped.ts';
import { runInWorker, type WorkerOptions } from './worker-link.ts';

export interface CompressOptions extends WorkerOptions {
  /** At most ten times a second; `fraction` goes from 0 to 1 and never back. */
  readonly onProgress?: ((fraction: number, progress: Progress) => void) | undefined;
  /** Stops at once and frees everything; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly filters?: VoiceFilters | undefined;
  /** Time, for tests. */
  readonly runtime?: Runtime | undefined;
}

export interface CompressionWarning {
  /**
   * - low-bitrate: below 24 kbit/s; recognisers will understand less.
   * - below-target: the target would have allowed more than 128 kbit/s, which speech has no use for.
   * - other-tracks: the original has more sound tracks; only the main one is in the result.
   */
  readonly code: 'low-bitrate' | 'below-target' | 'other-tracks';
  readonly message: string;
}

export interface CompressionResult {
  /** WebM with Opus; the original itself when `skipped` is not null. */
  readonly blob: Blob;
  /** Bytes of the original for each byte of `blob`; 1 when skipped. */
  readonly ratio: number;
  /** Of the sound, in seconds; null when the original could not be looked into. */
  readonly durationSeconds: number | null;
  /** Bytes of the whole file over its duration, in bit/s; of videos that includes the pictures. */
  readonly inputBitrate: number | null;
  readonly outputBitrate: number | null;
  readonly estimatedAsrImpact: AsrImpact;
  readonly warnings: readonly CompressionWarning[];
  readonly skipped: Skipped | null;
}

/**
 * Compresses the sound of `original` (audio or video of any format that the browser decodes) in a worker, with constant memory. Never rejects because
 * of the file or the browser: then the original comes back with the reason in `skipped`.
 * @throws the reason of `signal` when it is aborted; RangeError for a preset that there is none of.
 */
export async function compress(
  original: Blob,
  preset: CompressionPreset,
  options: CompressOptions = {},
): Promise<CompressionResult> {
  return perform(original, { bitrate: bitrateOf(preset) }, options);
}

/**
 * Compresses to just below `targetSizeMB` (of 1,000,000 bytes): within 3 % of it, never above, in one pass, at a constant bitrate from 16 to 128 kbit/s. Where that
 * cannot be, the result says so: `skipped` is `target-too-small` or `already-fits`, or there is a warning `below-target`.
 * @throws as `compress`; RangeError for a target that is no positive number.
 */
export async function autoCompress(
  original: Blob,
  targetSizeMB: number,
  options: CompressOptions | NonNullable<CompressOptions['onProgress']> = {},
): Promise<CompressionResult> {
  if (!(Number.isFinite(targetSizeMB) && targetSizeMB > 0))
    throw new RangeError(`The target is a number of megabytes above 0, not ${targetSizeMB}.`);
  const targetBytes = Math.floor(targetSizeMB * 1_000_000);
  const settings = typeof options === 'function' ? { onProgress: options } : options;
  return perform(original, { targetBytes }, settings);
}

export function bitrateOf(preset: CompressionPreset): number {
  if (!Object.hasOwn(compressionPresets, preset))
    throw new RangeError(
      `There is no preset ${String(preset)}; there are ${Object.keys(compressionPresets).join(', ')}.`,
    );
  return compressionPresets[preset].bitrate;
}

async function perform(original: Blob, goal: Goal, options: CompressOptions): Promise<CompressionResult> {
  const { filters = {}, onProgress, signal, runtime = defaultRuntime() } = options;
  signal?.throwIfAborted();
  if (original.size === 0) return leftAlone(original, skipped('empty', 'The file has no bytes.'), null);
  if ('targetBytes' in goal && original.size <= goal.targetBytes)
    return leftAlone(original, skipped('already-fits', 'The file is within the target already.'), null);
  let reached = 0;
  const forward = (progress: Progress) => {
    reached = Math.max(reached, progress.fraction);
    onProgress?.(reached, { ...progress, fraction: reached });
  };
  const link = { ...options, signal, runtime, onProgress: forward };
  const outcome = await runInWorker({ kind: 'compress', blob: original, goal, filters }, link);
  signal?.throwIfAborted();
  if (outcome.kind === 'skipped') return leftAlone(original, outcome.skipped, outcome.source);
  if (outcome.kind === 'probed') throw new TypeError('The worker answered another question.');
  const { source } = outcome;
  forward({ fraction: 1, secondsDone: outcome.durationSeconds, durationSeconds: outcome.durationSeconds });
  return {
    blob: outcome.blob,
    ratio: original.size / outcome.blob.size,
    durationSeconds: outcome.durationSeconds,
    inputBitrate: bitrate(original, source.durationSeconds),
    outputBitrate: bitrate(outcome.blob, outcome.durationSeconds),
    estimatedAsrImpact: impactOf(original, outcome.bitrate, source, filters),
    warnings: warningsFor(outcome, goal),
    skipped: null,
  };
}

/** The same estimate before and after. */
export function impactOf(original: Blob, bitsPerSecond: number, source: SourceFacts, filters: VoiceFilters): AsrImpact {
  const lossy = !/^(?:pcm|flac|alac|ulaw|alaw)/.test(source.codec) && !source.hasVideo;
  return asrImpact({
    bitrate: bitsPerSecond,
    filters,
    sampleRate: source.sampleRate,
    lossyBitrate: lossy ? bitrate(original, source.durationSeconds) : null,
  });
}

function leftAlone(original: Blob, why: Skipped, source: SourceFacts | null): CompressionResult {
  const durationSeconds = source?.durationSeconds ?? null;
  const same = durationSeconds === null ? null : bitrate(original, durationSeconds);
  return {
    blob: original,
    ratio: 1,
    durationSeconds,
    inputBitrate: same,
    outputBitrate: same,
    estimatedAsrImpact: untouched,
    warnings: [],
    skipped: why,
  };
}

function warningsFor({ bitrate: used, source, blob }: Compressed, goal: Goal): CompressionWarning[] {
  const warnings: CompressionWarning[] = [];
  if (used < bitrateWarn) {
    const message = `At ${Math.round(used / 1000)} kbit/s recognisers understand less; 24 kbit/s and more are better.`;
    warnings.push({ code: 'low-bitrate', message });
  }
  if ('targetBytes' in goal && used >= bitrateMax && blob.size < 0.97 * goal.targetBytes) {
    const message = 'The result is smaller than the target: speech has no use for more than 128 kbit/s.';
    warnings.push({ code: 'below-target', message });
  }
  if (source.audioTracks > 1) {
    const message = `The original has ${source.audioTracks} sound tracks; the result has the main one.`;
    warnings.push({ code: 'other-tracks', message });
  }
  return warnings;
}

function bitrate(blob: Blob, durationSeconds: number): number | null {
  return durationSeconds > 0 ? Math.round((blob.size * 8) / durationSeconds) : null;
}
