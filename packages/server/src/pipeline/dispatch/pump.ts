/** Work that is done again and again: when it is poked, and at the latest after the time that it asked for. Never twice at once. */
import type { Clock } from '../../core/ports/clock.ts';

export interface PumpOptions {
  readonly clock: Clock;
  /** Resolves to the milliseconds after which to do it again when nobody pokes. */
  work(): Promise<number>;
  /** Called when the work rejects; it is done again after `retryMs`. */
  onError(error: unknown): void;
  readonly retryMs: number;
}

export class Pump {
  readonly #options: PumpOptions;
  #state: 'idle' | 'working' | 'poked' | 'stopped' = 'idle';
  #working: Promise<void> = Promise.resolve();
  #cancel: () => void = () => {};

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Does the work now, or once more when it is being done. */
  poke(): void {
    if (this.#state === 'working') this.#state = 'poked';
    if (this.#state !== 'idle') return;
    this.#cancel();
    this.#state = 'working';
    this.#working = this.#work();
  }

  /** For the first time, or again, after so many milliseconds. */
  later(ms: number): void {
    this.#cancel();
    if (this.#state === 'idle') this.#cancel = this.#options.clock.after(ms, () => this.poke());
  }

  /** Does not begin again, and waits for what is being done. Idempotent. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#cancel();
    await this.#working;
  }

  async #work(): Promise<void> {
    let waitMs = this.#options.retryMs;
    try {
      waitMs = await this.#options.work();
    } catch (error) {
      this.#options.onError(error);
    }
    if (this.#state === 'stopped') return;
    const again = this.#state === 'poked';
    this.#state = 'idle';
    if (again) this.poke();
    else this.later(waitMs);
  }
}
