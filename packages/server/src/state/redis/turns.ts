/** Work of this process on one upload: what comes while some is under way waits, and goes on together. */
export class Turns<T> {
  readonly #waiting = new Map<string, T[]>();
  readonly #work: (uploadId: string, some: readonly T[]) => Promise<void>;
  readonly #max: number;

  /** `work` never rejects; it is given at most `max` at a time, and each upload's never two at once. */
  constructor(max: number, work: (uploadId: string, some: readonly T[]) => Promise<void>) {
    this.#max = max;
    this.#work = work;
  }

  /** Puts some at the end of the queue, or, what has to be done again, at its beginning. */
  add(uploadId: string, some: readonly T[], where: 'end' | 'beginning' = 'end'): void {
    const waiting = this.#waiting.get(uploadId);
    if (waiting === undefined) {
      this.#waiting.set(uploadId, [...some]);
      void this.#run(uploadId);
    } else if (where === 'end') waiting.push(...some);
    else waiting.unshift(...some);
  }

  async #run(uploadId: string): Promise<void> {
    for (;;) {
      const some = this.#waiting.get(uploadId)?.splice(0, this.#max) ?? [];
      if (some.length === 0) break;
      await this.#work(uploadId, some);
    }
    this.#waiting.delete(uploadId);
  }
}
