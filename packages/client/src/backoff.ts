/** How long to wait before the next attempt. Pure. */

/** The longest wait that we choose ourselves, in ms. A server may ask for longer. */
export const backoffMsMax = 30_000;
const backoffMsFirst = 1_000;
/** A `Retry-After` beyond this is cut: a wrong clock must not stop an upload for days. */
export const retryAfterMsMax = 10 * 60_000;

export interface BackoffInput {
  /** 1 for the first failure in a row. */
  readonly failures: number;
  /** What the server asked for, in ms. */
  readonly retryAfterMs: number | undefined;
  /** 0 ≤ x < 1. */
  readonly random: number;
}

/**
 * Milliseconds to wait. Full jitter below 1, 2, 4, 8, 16, 30 s: clients that failed together do not come back together. With
 * `Retry-After` never earlier than asked, and up to a second later.
 */
export function backoffMs({ failures, retryAfterMs, random }: BackoffInput): number {
  if (retryAfterMs !== undefined) return Math.min(retryAfterMs, retryAfterMsMax) + random * 1_000;
  const ceiling = Math.min(backoffMsFirst * 2 ** (Math.max(failures, 1) - 1), backoffMsMax);
  return random * ceiling;
}

/** `Retry-After` in ms: delta-seconds or an HTTP date (RFC 9110, 10.2.3). */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
