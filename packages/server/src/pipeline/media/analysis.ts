/** The content of `<name>.analytic.json`: what was measured, nothing else. Seconds count from the file's start. */
import type { Provenance } from '../context.ts';
import type { ColourName } from './colours.ts';
import type { MediaInfo } from './media-info.ts';
import type { Transition } from './transitions.ts';

export interface Interval {
  readonly start: number;
  readonly end: number;
}

export interface Shot extends Interval {
  /** 1, 2, 3 … */
  readonly index: number;
  readonly duration: number;
  readonly frames: number;
  /** By what it begins; null for the first. The shot's own start is the cut, or the middle of a gradual transition. */
  readonly transition: Transition | null;
  /** Mean luma, 0 (black) … 1 (white). */
  readonly brightness: number;
  /** Mean change of luma from frame to frame, 0 … 1. */
  readonly motion: number;
  readonly dominantColour: { readonly name: ColourName; readonly hex: string; readonly share: number };
  /** Next to nothing moves. */
  readonly static: boolean;
  readonly dark: boolean;
  /** Mean momentary loudness in LUFS; null without sound. */
  readonly loudness: number | null;
  /** Artifact with a picture from near the middle; null when there is none. */
  readonly keyframe: string | null;
  readonly keyframeTime: number | null;
}

export interface VideoFacts {
  readonly method: 'hsv-adaptive';
  /** `slides` when the picture stood still for most of the time, so that small changes counted. */
  readonly profile: 'film' | 'slides';
  /** Share of the frames in which nothing moved, 0 … 1. */
  readonly stillShare: number;
  readonly frames: number;
  readonly shots: readonly Shot[];
  /** Hard cuts; `fades` and `dissolves` are the gradual transitions. */
  readonly cuts: number;
  readonly fades: number;
  readonly dissolves: number;
  readonly cutsPerMinute: number;
  readonly shotSecondsMean: number;
  readonly shotSecondsMedian: number;
  /** Null when this ffmpeg cannot tell. */
  readonly black: readonly Interval[] | null;
  readonly frozen: readonly Interval[] | null;
  /** Pictures at even distances, as Motion JPEG, for the steps that make sheets of them; null without any. */
  readonly samples: { readonly file: string; readonly times: readonly number[] } | null;
}

export interface AudioFacts {
  /** EBU R128; null when it is too quiet or too short to tell. */
  readonly integratedLufs: number | null;
  readonly loudnessRangeLu: number | null;
  readonly samplePeakDbfs: number | null;
  /** Peak between the samples as ITU-R BS.1770 estimates it, in dBTP. */
  readonly truePeakDbtp: number | null;
  /** Null when this ffmpeg cannot tell. */
  readonly silences: readonly Interval[] | null;
  readonly silentSeconds: number | null;
  readonly loudness: {
    readonly stepSeconds: number;
    /** The loudest momentary loudness (400 ms) in each step of time. */
    readonly lufs: readonly number[];
    /** The loudest short-term loudness (the 3 s before) in each step of time. */
    readonly shortTermLufs: readonly number[];
  };
}

export type WarningCode = 'decoded-shorter-than-declared' | 'decode-errors' | 'analysis-cut-off' | 'keyframes-thinned';

export interface Analysis extends Provenance {
  readonly kind: 'holdfast.analytic';
  readonly schemaVersion: 1;
  readonly asset: { readonly name: string; readonly sizeBytes: number; readonly contentType: string };
  readonly media: MediaInfo;
  readonly decoded: {
    readonly seconds: number;
    readonly videoSeconds: number | null;
    readonly audioSeconds: number | null;
    readonly frames: number;
  };
  /** Null: the file has no moving picture. */
  readonly video: VideoFacts | null;
  /** Null: the file has no sound. */
  readonly audio: AudioFacts | null;
  readonly warnings: readonly { readonly code: WarningCode; readonly message: string }[];
}

/** To milliseconds and the like: digits beyond are noise. */
export function rounded(value: number, digits = 3): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}
