/** Measures raw frames in a worker thread, with bounded bytes in flight. */
import { Worker } from 'node:worker_threads';
import { siblingModule } from '../../platform/sibling-module.ts';
import { rowLength } from './frame-metrics.ts';
import type { FromWorker, ToWorker } from './frame-worker.ts';

/** About 75 frames. */
const inFlightBytesMax = 8 * 1024 * 1024;

export class FrameMeter implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #onRow: (row: Float32Array) => void;
  #inFlight = 0;
  #failure: Error | null = null;
  #ended = false;
  #wake: (() => void)[] = [];

  /** `onRow` gets the measurements of each frame, in order. */
  constructor(onRow: (row: Float32Array) => void) {
    this.#onRow = onRow;
    this.#worker = new Worker(siblingModule(import.meta.url, 'frame-worker'), { execArgv: [], env: {} });
    this.#worker.on('message', (message: FromWorker) => this.#take(message));
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#fail(new Error('The measuring thread ended')));
  }

  /** Hands bytes over; resolves when there is room for more. Rejects when the thread failed. */
  async push(chunk: Uint8Array): Promise<void> {
    if (this.#failure) throw this.#failure;
    // A copy of its own can be transferred; the stream's buffer may be a slice of a pool.
    const own = new Uint8Array(chunk);
    this.#inFlight += own.length;
    this.#worker.postMessage(own satisfies ToWorker, [own.buffer]);
    await this.#until(() => this.#inFlight <= inFlightBytesMax);
  }

  /** Resolves when all frames were measured and handed out. */
  async end(): Promise<void> {
    this.#worker.postMessage(null satisfies ToWorker);
    await this.#until(() => this.#ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new Error('The measuring thread was ended'));
    await this.#worker.terminate();
  }

  async #until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #take(message: FromWorker): void {
    if (this.#failure) return;
    this.#inFlight -= message.taken;
    if (message.ended) this.#ended = true;
    try {
      for (let at = 0; at < message.rows.length; at += rowLength)
        this.#onRow(message.rows.subarray(at, at + rowLength));
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    this.#wakeAll();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wakeAll();
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const resolve of waiting) resolve();
  }
}
