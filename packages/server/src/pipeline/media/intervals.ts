/** Intervals from a detector's start and end messages, and arithmetic on them. Pure. */
import type { Interval } from './analysis.ts';
import { rounded } from './analysis.ts';

/** Collects `…start=T` and `…end=T`; one that is open when the file ends, ends with the file. */
export class IntervalCollector {
  readonly #done: Interval[] = [];
  readonly #countMax: number;
  #open: number | null = null;

  constructor(countMax = 10_000) {
    this.#countMax = countMax;
  }

  start(time: number): void {
    if (Number.isFinite(time)) this.#open ??= Math.max(0, time);
  }

  end(time: number): void {
    if (this.#open !== null && time > this.#open && this.#done.length < this.#countMax) {
      this.#done.push({ start: rounded(this.#open), end: rounded(time) });
    }
    this.#open = null;
  }

  finish(endOfFile: number): Interval[] {
    this.end(endOfFile);
    return this.#done;
  }
}

export function secondsIn(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { start, end }) => sum + (end - start), 0);
}
