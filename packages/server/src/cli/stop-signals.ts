/** Ctrl-C, SIGTERM, and SIGHUP: the terminal was closed. */
import { systemClock } from '../platform/system-clock.ts';

/**
 * One Ctrl-C goes to every process of the terminal's group, and comes once more from each program in between that passes signals on: npm,
 * npx, our own starters. What comes again so soon is the same one.
 */
const sameMs = 500;

/** With the exit codes of processes that they end. */
export const stopCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type StopSignal = keyof typeof stopCodes;
export const stopSignals = Object.keys(stopCodes) as readonly StopSignal[];

/** Calls `first` at the first one, and `again` at each that a person sends after it. */
export function onStopSignals(first: (signal: StopSignal) => void, again: (signal: StopSignal) => void): void {
  let last: { readonly signal: string; readonly at: number } | null = null;
  for (const signal of stopSignals) {
    process.on(signal, () => {
      const before = last;
      const at = systemClock.now();
      if (before?.signal === signal && Math.abs(at - before.at) < sameMs) return;
      last = { signal, at };
      if (before === null) first(signal);
      else again(signal);
    });
  }
}
