/** Groups regions of speech by voice. Takes the sound in order, keeps only what describes each region. Runs in the native process. */
import { cluster } from './clustering.ts';
import { voiceOf } from './voice-features.ts';

/** Samples from the beginning of the sound. */
export interface VoiceRegion {
  readonly start: number;
  readonly end: number;
}

export interface Grouping {
  /** How many speakers, when that is known. */
  readonly speakers: number | null;
  readonly speakersMax: number;
  readonly silhouetteMin: number;
}

export interface Grouped {
  /** The speaker of each region, counted from 0; null for a region that is too short to tell. */
  readonly labels: readonly (number | null)[];
  readonly speakers: number;
  readonly silhouette: number | null;
}

/** As much of a region says how its voice sounds. */
const samplesMax = 30 * 16_000;
/** Shorter regions are not asked when groups are made; they go where the nearest does. */
const samplesMin = 16_000 * 0.8;
/** Grouping takes the cube of their number: the longest ones stand for all. */
const groupedMax = 400;

export class VoiceGrouper {
  readonly #regions: readonly VoiceRegion[];
  readonly #voices: (Float64Array | null)[] = [];
  #position = 0;
  #parts: Float32Array[] = [];

  /** Regions in order, without overlaps. */
  constructor(regions: readonly VoiceRegion[]) {
    this.#regions = regions;
  }

  push(samples: Float32Array): void {
    const start = this.#position;
    const end = start + samples.length;
    for (;;) {
      const region = this.#regions[this.#voices.length];
      if (!region || region.start >= end) break;
      this.#parts.push(samples.slice(Math.max(0, region.start - start), Math.max(0, region.end - start)));
      if (region.end > end) break;
      this.#close();
    }
    this.#position = end;
  }

  group(grouping: Grouping): Grouped {
    while (this.#voices.length < this.#regions.length) this.#close();
    const lengths = this.#regions.map(({ start, end }) => end - start);
    const known = [...this.#voices.keys()].filter((i) => this.#voices[i]);
    const byLength = known.sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0)).slice(0, groupedMax);
    const long = byLength.filter((i) => (lengths[i] ?? 0) >= samplesMin);
    // In the order of time, so that the first who speaks is the first speaker.
    const chosen = (long.length >= 2 ? long : byLength).sort((a, b) => a - b);
    const points = chosen.flatMap((i) => this.#voices[i] ?? []);
    const made = cluster(points, {
      groups: grouping.speakers,
      groupsMax: grouping.speakersMax,
      silhouetteMin: grouping.silhouetteMin,
    });
    const labels = new Map(chosen.map((region, at) => [region, made.labels[at] ?? 0]));
    return {
      labels: this.#voices.map(
        (voice, i) => labels.get(i) ?? (voice ? nearestLabel(voice, points, made.labels) : null),
      ),
      speakers: made.groups,
      silhouette: made.silhouette,
    };
  }

  #close(): void {
    const whole = new Float32Array(
      Math.min(
        samplesMax,
        this.#parts.reduce((sum, part) => sum + part.length, 0),
      ),
    );
    let at = 0;
    for (const part of this.#parts) {
      const taken = part.subarray(0, whole.length - at);
      whole.set(taken, at);
      at += taken.length;
    }
    this.#parts = [];
    this.#voices.push(voiceOf(whole));
  }
}

function nearestLabel(voice: Float64Array, points: readonly Float64Array[], labels: readonly number[]): number | null {
  let [best, label] = [Number.POSITIVE_INFINITY, null as number | null];
  points.forEach((point, i) => {
    const distance = voice.reduce((sum, value, d) => {
      const difference = value - (point[d] ?? 0);
      return Number.isFinite(difference) ? sum + difference ** 2 : sum;
    }, 0);
    if (distance < best) [best, label] = [distance, labels[i] ?? null];
  });
  return label;
}
