/** When a failed step is tried again. */
const firstMs = 1_000;
const lastMs = 30_000;

/**
 * Milliseconds to wait after the given attempt (1, 2, 3 …) failed: 1, 2, 4 … 30 s, of which up to a quarter is taken off at random so
 * that steps that failed together do not come back together.
 */
export function retryDelayMs(attempt: number, random: () => number): number {
  const full = Math.min(lastMs, firstMs * 2 ** Math.min(attempt - 1, 20));
  return Math.round(full * (1 - random() / 4));
}
