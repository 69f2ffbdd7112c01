/** Cuts off a request that has stopped moving, or takes longer than its size can explain. */
import type { Runtime } from './runtime.ts';
import { UploadError } from './upload-error.ts';

/** A connection slower than this is as good as none: 8 KiB/s. */
const bytesPerSecondMin = 8 * 1024;

export interface Deadlines {
  /** Longest silence, in ms. */
  readonly stallMs: number;
  /** Longest time in all, in ms. */
  readonly totalMs: number;
}

/** Deadlines for a body of so many bytes; `answerMs` is how long the server may take for its answer. */
export function deadlinesFor(bodyBytes: number, stallMs: number, answerMs = 0): Deadlines {
  return { stallMs: stallMs + answerMs, totalMs: 2 * stallMs + answerMs + (bodyBytes / bytesPerSecondMin) * 1_000 };
}

interface GuardOptions {
  readonly runtime: Runtime;
  /** The caller's. */
  readonly signal: AbortSignal;
  readonly deadlines: Deadlines;
}

/**
 * Runs `task` with a signal that aborts with the caller's or at a deadline, and a function to call whenever something moved.
 * Settles then even if the task does not. @throws UploadError `stalled` or `request-timeout`; the caller's reason; what the task throws.
 */
export function guarded<T>(
  { runtime, signal, deadlines }: GuardOptions,
  task: (signal: AbortSignal, moved: () => void) => Promise<T>,
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
    const moved = () => {
      cancelStall();
      if (inner.signal.aborted) return;
      cancelStall = runtime.after(deadlines.stallMs, expire('stalled', deadlines.stallMs, 'Nothing moved'));
    };
    signal.addEventListener('abort', abort, { once: true });
    moved();
    cancelTotal = runtime.after(deadlines.totalMs, expire('request-timeout', deadlines.totalMs, 'No end'));
    task(inner.signal, moved).then(resolve, reject).finally(release);
  });
}
