/** A clock whose timers stand still, as in a process that was stopped; on waking, what is overdue fires at once. */
import type { Clock } from '../core/ports/clock.ts';
import { systemClock } from '../platform/system-clock.ts';

export class StoppableClock implements Clock {
  #stopped = false;
  readonly #overdue: (() => void)[] = [];

  now(): number {
    return systemClock.now();
  }

  after(ms: number, callback: () => void): () => void {
    let live = true;
    const fire = () => {
      if (live) callback();
    };
    const cancel = systemClock.after(ms, () => (this.#stopped ? void this.#overdue.push(fire) : fire()));
    return () => {
      live = false;
      cancel();
    };
  }

  stop(): void {
    this.#stopped = true;
  }

  wake(): void {
    this.#stopped = false;
    for (const fire of this.#overdue.splice(0)) fire();
  }
}
