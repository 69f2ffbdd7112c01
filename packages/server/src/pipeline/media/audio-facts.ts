/** Gathers loudness and silence from the two audio pipes of the scan. Pure. */
import type { AudioFacts } from './analysis.ts';
import { rounded } from './analysis.ts';
import { IntervalCollector, secondsIn } from './intervals.ts';
import type { MetadataEvent } from './metadata-lines.ts';

/** Below this EBU R128 does not count a moment at all. */
const floorLufs = -70;
const pointsMax = 2_000;
/** ebur128 reports ten times a second. */
const reportSeconds = 0.1;
const secondsMax = 7 * 24 * 3600;

export class AudioCollector {
  readonly #silences = new IntervalCollector();
  /** Loudest moment of each second. */
  readonly #perSecond: number[] = [];
  readonly #shortTerm: number[] = [];
  #integrated: number | null = null;
  #range: number | null = null;
  #peak: number | null = null;
  #truePeak: number | null = null;
  #end = 0;
  #heard = false;
  readonly #trackSeconds: number | null;

  /** `trackSeconds`: how long the file says that the sound is. */
  constructor(trackSeconds: number | null) {
    this.#trackSeconds = trackSeconds;
  }

  readonly onSilence = (event: MetadataEvent): void => {
    this.#heard = true;
    if (event.kind !== 'value') return;
    if (event.key.startsWith('lavfi.silence_start')) this.#silences.start(event.value);
    if (event.key.startsWith('lavfi.silence_end')) this.#silences.end(event.value);
  };

  readonly onLoudness = (event: MetadataEvent): void => {
    if (event.kind === 'frame') {
      if (event.time >= 0) this.#end = Math.max(this.#end, event.time + reportSeconds);
    } else if (event.key === 'lavfi.r128.M') loudest(this.#perSecond, event.time, event.value);
    else if (event.key === 'lavfi.r128.S') loudest(this.#shortTerm, event.time, event.value);
    else if (event.key === 'lavfi.r128.I') this.#integrated = event.value > floorLufs ? event.value : null;
    else if (event.key === 'lavfi.r128.LRA') this.#range = event.value;
    else if (event.key === 'lavfi.r128.sample_peak') this.#peak = decibels(event.value);
    else if (event.key === 'lavfi.r128.true_peak') this.#truePeak = decibels(event.value);
  };

  /** Seconds of sound decoded so far. */
  get seconds(): number {
    if (this.#end > 0 || !this.#heard) return this.#end;
    return Math.min(reportSeconds, this.#trackSeconds ?? reportSeconds);
  }

  /** Mean of the loudness of the seconds that the interval touches, by power; null without sound there. */
  loudnessBetween(start: number, end: number): number | null {
    const part = this.#perSecond.slice(Math.floor(start), Math.max(Math.floor(start) + 1, Math.ceil(end)));
    if (part.length === 0) return null;
    const power = part.reduce((sum, lufs) => sum + 10 ** (lufs / 10), 0) / part.length;
    return rounded(Math.max(floorLufs, 10 * Math.log10(power)), 1);
  }

  facts(able: { readonly silence: boolean }): AudioFacts {
    const silences = able.silence ? this.#silences.finish(this.seconds) : null;
    const digits = (value: number | null) => (value === null || !Number.isFinite(value) ? null : rounded(value, 1));
    return {
      integratedLufs: digits(this.#integrated),
      loudnessRangeLu: this.#integrated === null ? null : digits(this.#range),
      samplePeakDbfs: digits(this.#peak),
      truePeakDbtp: digits(this.#truePeak),
      silences,
      silentSeconds: silences === null ? null : rounded(secondsIn(silences)),
      loudness: this.#timeline(),
    };
  }

  #timeline(): AudioFacts['loudness'] {
    const seconds = this.#perSecond.length;
    const stepSeconds = Math.max(1, Math.ceil(seconds / pointsMax));
    const inSteps = (values: readonly number[]) =>
      Array.from({ length: Math.ceil(seconds / stepSeconds) }, (_, i) =>
        rounded(Math.max(floorLufs, ...values.slice(i * stepSeconds, (i + 1) * stepSeconds)), 1),
      );
    return { stepSeconds, lufs: inSteps(this.#perSecond), shortTermLufs: inSteps(this.#shortTerm) };
  }
}

function loudest(perSecond: number[], time: number, lufs: number): void {
  // Times come from the file: a gap of years must not fill the memory.
  if (!(time >= 0 && time < secondsMax)) return;
  const second = Math.floor(time);
  while (perSecond.length <= second) perSecond.push(floorLufs);
  if (lufs > (perSecond[second] ?? floorLufs)) perSecond[second] = lufs;
}

function decibels(amplitude: number): number | null {
  return amplitude > 0 ? 20 * Math.log10(amplitude) : null;
}
