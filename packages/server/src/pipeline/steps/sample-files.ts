/**
 * Pictures at even distances over the whole file, for the steps that put sheets of pictures together without decoding the film again: at
 * most a given number, further apart the longer the film is. Each is a file in the scratch folder until all are joined to one Motion JPEG.
 */
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rounded } from '../media/analysis.ts';
import type { Picture } from '../media/keyframe-picker.ts';

export const samplesName = 'frames.mjpeg';
/** A place that may begin a millisecond early still counts. */
const slackSeconds = 0.05;

export interface SampleRules {
  readonly samplesMax: number;
  readonly sampleSecondsMin: number;
}

export class SampleFiles {
  readonly #scratch: string;
  readonly #max: number;
  #spacing: number;
  #times: number[] = [];
  #work: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  constructor(scratch: string, rules: SampleRules, durationSeconds: number | null) {
    this.#scratch = scratch;
    this.#max = rules.samplesMax;
    this.#spacing = Math.max(rules.sampleSecondsMin, (durationSeconds ?? 0) / Math.max(1, rules.samplesMax));
  }

  /** Takes pictures in the order of time; keeps those that are far enough apart. */
  offer({ time, jpeg }: Picture): void {
    if (this.#max === 0 || time < (this.#times.at(-1) ?? Number.NEGATIVE_INFINITY) + this.#spacing - slackSeconds)
      return;
    this.#times.push(time);
    this.#then(() => writeFile(this.#path(time), jpeg));
    if (this.#times.length > this.#max) this.#halve();
  }

  /** Joins them to one file; the times of its pictures in order, in seconds. */
  async join(): Promise<readonly number[]> {
    await this.#work;
    if (this.#failure) throw this.#failure;
    if (this.#times.length === 0) return [];
    const joined = await open(path.join(this.#scratch, samplesName), 'w');
    try {
      for (const time of this.#times) {
        // Behind what is there, and all of it, as `write` does not promise.
        await joined.writeFile(await readFile(this.#path(time)));
        await rm(this.#path(time));
      }
    } finally {
      await joined.close();
    }
    return this.#times.map((time) => rounded(time));
  }

  /** The file was longer than it said. */
  #halve(): void {
    this.#spacing *= 2;
    const dropped = this.#times.filter((_, i) => i % 2 === 1);
    this.#times = this.#times.filter((_, i) => i % 2 === 0);
    for (const time of dropped) this.#then(() => rm(this.#path(time), { force: true }));
  }

  #then(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  #path(time: number): string {
    return path.join(this.#scratch, `sample-${Math.round(time * 1e6)}.jpg`);
  }
}
