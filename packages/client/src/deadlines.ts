/** Cuts off a request that has stopped moving, or takes longer than its size can explain. */
import type { Runtime } from './runtime.ts';
import { UploadError } from './upload-error.ts';

/** A connection slower than this is as good as none: 8 KiB/s. */
const bytesPerSecondMin = 8 * 1024;

/** So much of a body may lie in the buffers of the system, unseen, when all of it was handed over. */
const bufferedBytesMax = 4 * 2 ** 20;

export interface Deadlines {
  /** Longest silence while the body goes out, in ms. */
  readonly stallMs: number;
  /** Longest silence once all of it was handed over: the buffers have to be emptied, and the server has to answer. */
  readonly answerStallMs: number;
  /** Longest time in all, in ms. */
  readonly totalMs: number;
  /** When all of the body was handed over. */
  readonly bodyBytes: number;
}

export interface DeadlineWish {
  readonly bodyBytes: number;
  readonly stallMs: number;
  /** How long the server may take for its answer on purpose, in ms. */
  readonly answerMs?: number;
}

export function deadlinesFor({ bodyBytes, stallMs, answerMs = 0 }: DeadlineWish): Deadlines {
  const buffered = Math.min(1, bodyBytes / bufferedBytesMax);
  return {
    bodyBytes,
    stallMs,
    answerStallMs: stallMs * (1 + 2 * buffered) + answerMs,
    totalMs: 4 * stallMs + answerMs + (bodyBytes / bytesPerSecondMin) * 1_000,
  };
}

interface GuardOptions {
  readonly runtime: Runtime;
  /** The caller's. */
  readonly signal: AbortSignal;
  readonly deadlines: Deadlines;
}

/**
 * Runs `task` with a signal that aborts with the caller's or at a deadline, and a function to call with the bytes sent so far.
 * Settles then even if the task does not. @throws UploadError `stalled` or `request-timeout`; the caller's reason; what the task throws.
 */
export function guarded<T>(
  { runtime, signal, deadlines }: GuardOptions,
  task: (signal: AbortSignal, moved: (sentBytes: number) => void) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const inner = new AbortController();
    let cancelStall = () => {};
    let cancelTotal = () => {};
    const abort = () => stop(signal.reason);
    const release = () => {
      cancelStall();
      cancelTotal();
      signal.removeEventListener('abort', abort);
    };
    const stop = (reason: unknown) => {
      release();
      reject(reason);
      inner.abort(reason);
    };
    const expire = (code: 'stalled' | 'request-timeout', ms: number, what: string) => () =>
      stop(new UploadError(`${what} for ${Math.round(ms / 1_000)} s.`, { type: 'timeout', code, retryable: true }));
    const moved = (sentBytes: number) => {
      cancelStall();
      if (inner.signal.aborted) return;
      const ms = sentBytes >= deadlines.bodyBytes ? deadlines.answerStallMs : deadlines.stallMs;
      cancelStall = runtime.after(ms, expire('stalled', ms, 'Nothing moved'));
    };
    signal.addEventListener('abort', abort, { once: true });
    moved(0);
    cancelTotal = runtime.after(deadlines.totalMs, expire('request-timeout', deadlines.totalMs, 'No end'));
    task(inner.signal, moved).then(resolve, reject).finally(release);
  });
}
