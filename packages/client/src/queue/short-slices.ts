/** Work that comes all at once, spread over short tasks: a page to which 500 files are added at a time goes on answering. */
import type { Runtime } from '../runtime.ts';

/** Well below the 50 ms from which a task counts as long; others' work comes on top. */
const sliceMs = 10;

export class ShortSlices {
  readonly #runtime: Runtime;
  #last: Promise<void> = Promise.resolve();
  #until = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Resolves in the order of the calls: at once while there is time left in this slice, otherwise after the page had its turn. */
  turn(): Promise<void> {
    this.#last = this.#last.then(() => this.#begin());
    return this.#last;
  }

  #begin(): Promise<void> | void {
    const now = this.#runtime.now();
    // The first in a while has a whole slice, and a clock that was set back must not hold anybody up.
    if (now < this.#until && now >= this.#until - sliceMs) return;
    return new Promise((resolve) => {
      this.#runtime.after(0, () => {
        this.#until = this.#runtime.now() + sliceMs;
        resolve();
      });
    });
  }
}
