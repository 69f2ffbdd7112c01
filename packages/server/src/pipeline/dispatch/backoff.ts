/** When a failed step is tried again. */
import type { Backoff } from '../definition.ts';

/** Full jitter: of all ways to spread clients that failed together, the one that makes the least work (AWS Architecture Blog, 2015). */
export const standardBackoff: Backoff = { initialMs: 1_000, factor: 2, maxMs: 30_000, jitter: 1 };

/**
 * Milliseconds to wait after the given attempt (1, 2, 3 …) failed: up to 1, 2, 4 … 30 s unless the step says otherwise,
 * of which a share is taken off at random so that steps that failed together do not come back together.
 */
export function retryDelayMs(attempt: number, random: () => number, backoff: Backoff = standardBackoff): number {
  const { initialMs, factor, maxMs, jitter } = backoff;
  const full = Math.min(maxMs, initialMs * factor ** Math.min(attempt - 1, 1_000));
  return Math.round(full * (1 - random() * jitter));
}
