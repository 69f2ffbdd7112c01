/** How long something was on its way: the time that an average speed is over. */
import type { Runtime } from '../runtime.ts';

export class BusyClock {
  readonly #runtime: Runtime;
  #since: number | null = null;
  #gathered = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  set busy(busy: boolean) {
    const now = this.#runtime.now();
    if (this.#since !== null) this.#gathered += now - this.#since;
    this.#since = busy ? now : null;
  }

  /** Milliseconds since the last time that they were taken. */
  take(): number {
    this.busy = this.#since !== null;
    const ms = this.#gathered;
    this.#gathered = 0;
    return Math.max(0, ms);
  }
}
