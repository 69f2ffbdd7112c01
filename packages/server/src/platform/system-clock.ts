/** The real clock: the only place beside tests where the process's time and timers are read. */
import type { Clock } from '../core/ports/clock.ts';

/** Longer timers fire at once: Node keeps their milliseconds in 32 bits. */
const timerMsMax = 2 ** 31 - 1;

/** Wall-clock time and unref'ed timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    let cancel = () => {};
    const wait = (left: number) => {
      const next = left > timerMsMax ? () => wait(left - timerMsMax) : callback;
      const timer = setTimeout(next, Math.min(left, timerMsMax));
      timer.unref();
      cancel = () => clearTimeout(timer);
    };
    wait(ms);
    return () => cancel();
  },
};
