/** The chain that speech goes through before it is encoded. */
import { highPass, lowPass } from './biquad.ts';
import { compressor } from './compressor.ts';
import { preEmphasis } from './pre-emphasis.ts';
import { resampler } from './resampler.ts';
import { spectralGate } from './spectral-gate.ts';
import { joined, type Stage, series } from './stage.ts';

/** What may be changed about the sound. */
export interface VoiceFilters {
  /** Keep 80 Hz – 7.6 kHz: no rumble, no hiss. Default true. */
  readonly bandPass?: boolean;
  /** Compress what is above −24 dBFS, at most 2:1. Default true. */
  readonly dynamics?: boolean;
  /**
   * Coefficient of pre-emphasis, 0 (off, default) to below 1. Recognisers have their own: 0.97 on top of it made pocketsphinx
   * 3 points worse.
   */
  readonly preEmphasis?: number;
  /**
   * Spectral noise reduction. Default false, and better left so: measured recognisers, old and new, all understand denoised speech worse,
   * even where people find it clearer.
   */
  readonly noiseReduction?: boolean;
}

/** Sample rate of everything that is encoded, in Hz. */
export const voiceRate = 16_000;
const bandHz = [80, 7600] as const;

/** Mono at `inputRate` in, mono at 16 kHz out; N samples in, ceil(N · 16,000 / inputRate) out. */
export function voiceChain(inputRate: number, filters: VoiceFilters = {}): Stage {
  return series([resampler(inputRate, voiceRate), voiceFilter(filters)]);
}

/** Everything behind the resampler. */
export function voiceFilter(filters: VoiceFilters = {}): Stage {
  const { bandPass = true, dynamics = true, preEmphasis: emphasis = 0, noiseReduction = false } = filters;
  const stages: Stage[] = [];
  if (bandPass) stages.push(highPass(bandHz[0], voiceRate), lowPass(bandHz[1], voiceRate));
  if (noiseReduction) stages.push(spectralGate());
  if (emphasis > 0) stages.push(preEmphasis(emphasis));
  if (dynamics) stages.push(compressor(voiceRate));
  return series(stages);
}

/** A chain for streams whose sample rate may change on the way, as in chained Ogg files. */
export function adaptiveVoiceChain(filters: VoiceFilters) {
  const filter = voiceFilter(filters);
  let front: { rate: number; resample: Stage } | null = null;
  return {
    process(samples: Float32Array, rate: number): Float32Array {
      let before: Float32Array | null = null;
      if (front?.rate !== rate) {
        before = front?.resample.flush() ?? null;
        front = { rate, resample: resampler(rate, voiceRate) };
      }
      const now = front.resample.process(samples);
      return filter.process(before ? joined([before, now]) : now);
    },
    flush(): Float32Array {
      const last = front ? filter.process(front.resample.flush()) : new Float32Array(0);
      return joined([last, filter.flush()]);
    },
  };
}
