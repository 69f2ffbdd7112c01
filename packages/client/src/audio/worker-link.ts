/** The page's end of the worker: starts it, gives it one order, ends it. */
import type { Runtime } from '../runtime.ts';
import type { Order, Outcome, Progress, Report } from './messages.ts';
import { type SkipReason, skipped } from './skipped.ts';

/** A worker that says nothing for so long is started wrongly, or stuck; two looks in a row, because a laptop may have slept. */
const silenceMsMax = 30_000;

export interface WorkerOptions {
  /** Where `worker.js` of this package is served, when the bundler does not find it by itself. */
  readonly workerUrl?: string | URL;
  /** Starts the worker; for content security policies and bundlers with ways of their own. It has to run `worker.js` as a module. */
  readonly createWorker?: () => Worker;
}

export interface LinkOptions extends WorkerOptions {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: Progress) => void;
  readonly runtime: Runtime;
}

/** Resolves with the outcome; rejects only with the signal's reason. However it ends, the worker is gone and its memory free. */
export async function runInWorker(order: Order, options: LinkOptions): Promise<Outcome> {
  const { signal } = options;
  signal?.throwIfAborted();
  let worker: Worker;
  try {
    worker = startWorker(options);
  } catch (cause) {
    return gaveUp('worker-failed', `The worker for compression could not be started: ${messageOf(cause)}`);
  }
  const leave: (() => void)[] = [() => worker.terminate()];
  try {
    return await new Promise<Outcome>((resolve, reject) => {
      const onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort);
      leave.push(() => signal?.removeEventListener('abort', onAbort));
      const watch = watchdog(options.runtime, () =>
        resolve(gaveUp('worker-failed', 'The worker for compression stopped answering.')),
      );
      leave.push(watch.stop);
      worker.onmessage = ({ data }: MessageEvent<Report>) => {
        watch.heard();
        if (data.kind === 'ready') worker.postMessage(order);
        else if (data.kind === 'progress') options.onProgress(data.progress);
        else if (data.kind !== 'reading') resolve(data);
      };
      worker.onmessageerror = () => resolve(gaveUp('worker-failed', 'An answer of the worker could not be read.'));
      worker.onerror = (event) => {
        event.preventDefault();
        resolve(
          gaveUp('worker-failed', `The worker for compression failed: ${event.message || 'it could not be loaded'}.`),
        );
      };
    });
  } finally {
    for (const step of leave) step();
  }
}

function startWorker({ workerUrl, createWorker }: WorkerOptions): Worker {
  if (createWorker) return createWorker();
  if (workerUrl !== undefined) return new Worker(workerUrl, { type: 'module', name: 'holdfast-audio' });
  // Bundlers look for exactly this expression.
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'holdfast-audio' });
}

function gaveUp(reason: SkipReason, message: string): Outcome {
  return { kind: 'skipped', skipped: skipped(reason, message), source: null };
}

function watchdog(runtime: Runtime, onSilence: () => void): { heard(): void; stop(): void } {
  let looks = 0;
  let cancel = () => {};
  const look = () => {
    looks++;
    if (looks >= 2) onSilence();
    else cancel = runtime.after(silenceMsMax, look);
  };
  cancel = runtime.after(silenceMsMax, look);
  return {
    heard() {
      looks = 0;
    },
    stop: () => cancel(),
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
