/** The port to audio compression, and which preset a quality stands for. Pure: the encoder comes by a dynamic import. */

export type CompressionQuality = 'low' | 'medium' | 'high' | 'auto';

export interface CompressionRequest {
  readonly blob: Blob;
  readonly quality: CompressionQuality;
  /** Of the audio, in seconds, if known. */
  readonly duration: number | undefined;
  /** 0 … 1 */
  readonly onProgress: (fraction: number) => void;
  readonly signal: AbortSignal;
}

/** Why the original is sent. */
export interface CompressionSkipped {
  /** Of `@holdfast/client/audio` (docs/audio.md), or `already-small`, `failed`. */
  readonly reason: string;
  /** For people, in English. */
  readonly message: string;
}

export interface CompressionOutcome {
  /** What is sent: the original when compression did not help. */
  readonly blob: Blob;
  /** Null when it was compressed. */
  readonly skipped: CompressionSkipped | null;
  /** Of the compressed audio, in bits per second, where known. */
  readonly bitrate: number | null;
}

/**
 * Compresses audio for sending. Obligations: never makes it larger (then it returns the original); stops soon after `signal` aborts
 * and rejects; does not block the page.
 */
export type CompressAudio = (request: CompressionRequest) => Promise<CompressionOutcome>;

/** What compression did, for people. */
export interface CompressionReport {
  readonly originalBytes: number;
  readonly compressedBytes: number;
  /** 0 … 1 of the original. */
  readonly saved: number;
  readonly skipped: CompressionSkipped | null;
  readonly bitrate: number | null;
}

export function reportOf(original: Blob, { blob, skipped, bitrate }: CompressionOutcome): CompressionReport {
  const saved = original.size === 0 ? 0 : Math.max(0, 1 - blob.size / original.size);
  return { originalBytes: original.size, compressedBytes: blob.size, saved, skipped, bitrate };
}

const presets = { low: 'SPEECH', medium: 'MOBILE_OPTIMIZED', high: 'MEDICAL_HIGH_QUALITY' } as const;
export type PresetName = (typeof presets)[keyof typeof presets];

const presetBitsPerSecond: Readonly<Record<PresetName, number>> = {
  SPEECH: 32_000,
  MOBILE_OPTIMIZED: 64_000,
  MEDICAL_HIGH_QUALITY: 128_000,
};
/** `auto` takes the best preset that stays below this. */
const autoBytesMax = 20_000_000;
/** A rate closer to that of the input gains too little for a second lossy coding. */
const gainMin = 1.5;

/** Bits per second that a type usually has, for when the duration is not known. */
function usualRate(type: string): number {
  return /wav|pcm|aiff/.test(type) ? 1_411_000 : /flac/.test(type) ? 800_000 : 128_000;
}

/**
 * The preset for a quality. `auto`: 64 kbit/s (more gains nothing for speech), 32 if the result had more than 20 MB or the audio has less
 * than 1.5 times that already; null when not even that would gain much.
 */
export function choosePreset(
  quality: CompressionQuality,
  { size, type, duration }: { readonly size: number; readonly type: string; readonly duration: number | undefined },
): PresetName | null {
  if (quality !== 'auto') return presets[quality];
  const seconds = duration !== undefined && duration > 0 ? duration : (size * 8) / usualRate(type);
  const inputRate = (size * 8) / Math.max(seconds, 0.001);
  const gaining = ([presets.medium, presets.low] as const).filter(
    (preset) => inputRate >= presetBitsPerSecond[preset] * gainMin,
  );
  const fitting = gaining.find((preset) => (presetBitsPerSecond[preset] * seconds) / 8 <= autoBytesMax);
  return fitting ?? gaining.at(-1) ?? null;
}

/** The name that goes with what is sent. */
export function filenameFor(name: string, original: Blob, sent: Blob): string {
  const extension = /^audio\/(webm|ogg|mp4|mpeg)/.exec(sent.type)?.[1];
  if (sent === original || extension === undefined) return name;
  return `${name.replace(/\.[^./\\]{1,5}$/, '')}.${extension === 'mpeg' ? 'mp3' : extension}`;
}
