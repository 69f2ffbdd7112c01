/** The real clock: the only place beside tests where the process's time and timers are read. */
import type { Clock } from '../core/ports/clock.ts';

/** Wall-clock time and unref'ed timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
