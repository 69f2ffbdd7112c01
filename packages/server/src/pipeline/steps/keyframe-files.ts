/** Pictures of shots in the scratch folder, written while the scan runs, at most a few times as many as may stay. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rounded } from '../media/analysis.ts';
import { evenly, type Picture } from '../media/keyframe-picker.ts';

/** Name of the artifact with the picture of a shot. */
export function keyframeName(shotIndex: number): string {
  return `shot-${String(shotIndex).padStart(4, '0')}.jpg`;
}

export class KeyframeFiles {
  /** Shots that had a picture. */
  offered = 0;
  readonly #scratch: string;
  readonly #max: number;
  /** Times by shot, of the files that are there. */
  #times = new Map<number, number>();
  /** Only every n-th shot's picture is written once there are too many. */
  #stride = 1;
  #work: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  constructor(scratch: string, max: number) {
    this.#scratch = scratch;
    this.#max = max;
  }

  write(shotIndex: number, { time, jpeg }: Picture): void {
    this.offered += 1;
    if (this.#max === 0 || (shotIndex - 1) % this.#stride !== 0) return;
    this.#times.set(shotIndex, time);
    this.#then(() => writeFile(this.#path(shotIndex), jpeg));
    if (this.#times.size <= this.#max * 4) return;
    this.#stride *= 2;
    this.#retain((index) => (index - 1) % this.#stride === 0);
  }

  /** Leaves at most `max` pictures, evenly spread; resolves to the times of those that stay, by shot. */
  async keep(): Promise<ReadonlyMap<number, number>> {
    const kept = evenly(this.#times.size, this.#max);
    this.#retain((_, at) => kept.has(at));
    await this.#work;
    if (this.#failure) throw this.#failure;
    return new Map([...this.#times].map(([index, time]) => [index, rounded(time)]));
  }

  #retain(stays: (shotIndex: number, at: number) => boolean): void {
    const all = [...this.#times];
    this.#times = new Map(all.filter(([index], at) => stays(index, at)));
    for (const [index] of all) {
      if (!this.#times.has(index)) this.#then(() => rm(this.#path(index), { force: true }));
    }
  }

  #then(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  #path(shotIndex: number): string {
    return path.join(this.#scratch, keyframeName(shotIndex));
  }
}
