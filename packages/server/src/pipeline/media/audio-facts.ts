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
  #integrated: number | null = null;
  #range: number | null = null;
  #peak: number | null = null;
  #end = 0;

  readonly onSilence = (event: MetadataEvent): void => {
    if (event.kind !== 'value') return;
    if (event.key.startsWith('lavfi.silence_start')) this.#silences.start(event.value);
    if (event.key.startsWith('lavfi.silence_end')) this.#silences.end(event.value);
  };

  readonly onLoudness = (event: MetadataEvent): void => {
    if (event.kind === 'frame') {
      if (event.time >= 0) this.#end = Math.max(this.#end, event.time + reportSeconds);
    } else if (event.key === 'lavfi.r128.M') this.#moment(event.time, event.value);
    else if (event.key === 'lavfi.r128.I') this.#integrated = event.value > floorLufs ? event.value : null;
    else if (event.key === 'lavfi.r128.LRA') this.#range = event.value;
    else if (event.key === 'lavfi.r128.sample_peak') this.#peak = event.value > 0 ? 20 * Math.log10(event.value) : null;
  };

  /** Seconds of sound decoded so far. */
  get seconds(): number {
    return this.#end;
  }

  /** Mean of the loudness of the seconds that the interval touches, by power; null without sound there. */
  loudnessBetween(start: number, end: number): number | null {
    const part = this.#perSecond.slice(Math.floor(start), Math.max(Math.floor(start) + 1, Math.ceil(end)));
    if (part.length === 0) return null;
    const power = part.reduce((sum, lufs) => sum + 10 ** (lufs / 10), 0) / part.length;
    return rounded(Math.max(floorLufs, 10 * Math.log10(power)), 1);
  }

  facts(able: { readonly silence: boolean }): AudioFacts {
    const silences = able.silence ? this.#silences.finish(this.#end) : null;
    const digits = (value: number | null) => (value === null || !Number.isFinite(value) ? null : rounded(value, 1));
    return {
      integratedLufs: digits(this.#integrated),
      loudnessRangeLu: this.#integrated === null ? null : digits(this.#range),
      samplePeakDbfs: digits(this.#peak),
      silences,
      silentSeconds: silences === null ? null : rounded(secondsIn(silences)),
      loudness: this.#timeline(),
    };
  }

  #moment(time: number, lufs: number): void {
    // Times come from the file: a gap of years must not fill the memory.
    if (!(time >= 0 && time < secondsMax)) return;
    const second = Math.floor(time);
    while (this.#perSecond.length <= second) this.#perSecond.push(floorLufs);
    const known = this.#perSecond[second] ?? floorLufs;
    if (lufs > known) this.#perSecond[second] = lufs;
  }

  #timeline(): AudioFacts['loudness'] {
    const stepSeconds = Math.max(1, Math.ceil(this.#perSecond.length / pointsMax));
    const lufs: number[] = [];
    for (let at = 0; at < this.#perSecond.length; at += stepSeconds) {
      lufs.push(rounded(Math.max(...this.#perSecond.slice(at, at + stepSeconds)), 1));
    }
    return { stepSeconds, lufs };
  }
}
