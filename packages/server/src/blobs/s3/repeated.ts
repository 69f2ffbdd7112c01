/** Work that is done from time to time, never twice at once. A failure waits for the next time. */
import type { Clock } from '../../core/ports/clock.ts';

export class Repeated {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #work: () => Promise<unknown>;
  #running: Promise<unknown> = Promise.resolve();
  #cancel = () => {};
  #closed = false;

  constructor(clock: Clock, everyMs: number, work: () => Promise<unknown>) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#work = work;
  }

  start(): void {
    if (this.#closed) return;
    this.#cancel = this.#clock.after(this.#everyMs, () => {
      this.#running = this.#work()
        .catch(() => {})
        .finally(() => this.start());
    });
  }

  /** Resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#running;
  }
}
