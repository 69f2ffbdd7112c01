/** What page and worker say to each other. One worker does one order and is ended. */
import type { VoiceFilters } from './dsp/voice-chain.ts';
import type { Skipped } from './skipped.ts';

export type Goal = { readonly bitrate: number } | { readonly targetBytes: number };

export type Order =
  | { readonly kind: 'compress'; readonly blob: Blob; readonly goal: Goal; readonly filters: VoiceFilters }
  | { readonly kind: 'probe'; readonly blob: Blob };

/** What is known of the original. */
export interface SourceFacts {
  readonly durationSeconds: number;
  readonly sampleRate: number;
  readonly channels: number;
  /** As mediabunny names it: `aac`, `mp3`, `opus`, `pcm-s16` … */
  readonly codec: string;
  readonly audioTracks: number;
  readonly hasVideo: boolean;
}

export interface Progress {
  /** 0 … 1, never going back. */
  readonly fraction: number;
  readonly secondsDone: number;
  readonly durationSeconds: number;
}

export interface Compressed {
  readonly kind: 'compressed';
  readonly blob: Blob;
  readonly source: SourceFacts;
  /** Bit/s that the encoder was set to. */
  readonly bitrate: number;
  /** Seconds of sound that were encoded. */
  readonly durationSeconds: number;
}

export type Report =
  | { readonly kind: 'ready' }
  /** Still looking through the file; some formats have to be read to the end to know their duration. */
  | { readonly kind: 'reading' }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | Outcome;

export type Outcome =
  | Compressed
  | { readonly kind: 'probed'; readonly source: SourceFacts; readonly longFrames: boolean }
  | { readonly kind: 'skipped'; readonly skipped: Skipped; readonly source: SourceFacts | null };
