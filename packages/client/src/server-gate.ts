/**
 * The door to the server, one per client: closed while it makes no sense to ask. Requests pass through it; failures that say
 * "not now" close it for all, so that 100 uploads do not each hammer a server that is away.
 *
 * Open → closed: `failed` (back-off, or as long as the server asked), or the platform says offline. Closed → open: the time is
 * over, `wake`, or the platform says online. Being offline only closes for a while: browsers are wrong about it (loopback, VPN).
 */
import { backoffMs, backoffMsMax } from './backoff.ts';
import type { Runtime } from './runtime.ts';
import type { Waiting, WaitingReason } from './snapshot.ts';
import type { UploadError } from './upload-error.ts';

export interface GateOptions {
  readonly runtime: Runtime;
  /** How long without any answer that is of use before `failed` says that it is hopeless, in ms. */
  readonly giveUpAfterMs: number;
}

/** More than this between two failures is a machine that slept, or a clock that was set, in ms: nobody has asked meanwhile. */
const betweenFailuresMsMax = 15 * 60_000;

export class ServerGate {
  readonly #options: GateOptions;
  readonly #listeners = new Set<() => void>();
  #waiting: Waiting | null = null;
  #failures = 0;
  /** How long it has failed, in ms; null while it does not. */
  #failingMs: number | null = null;
  #lastFailureAt = Number.NEGATIVE_INFINITY;
  #closedAt = Number.NEGATIVE_INFINITY;
  #closedForMs = 0;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Why and until when it is closed. */
  get waiting(): Waiting | null {
    const now = this.#options.runtime.now();
    if (this.#waiting === null || this.#waiting.until <= now) return null;
    // Longer than it was closed for: the clock was set back. From here on as long as that, and not for hours.
    if (this.#waiting.until - now > this.#closedForMs) {
      this.#waiting = { ...this.#waiting, until: now + this.#closedForMs };
    }
    return this.#waiting;
  }

  /** Resolves when it is open. @throws the signal's reason. */
  async pass(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (let waiting = this.waiting; waiting !== null; waiting = this.waiting) {
      await this.#change(waiting.until - this.#options.runtime.now(), signal);
    }
  }

  /**
   * A request that was started at `startedAt` found the server not usable. Returns false when it has been so for too long.
   * Requests that were on their way together count as one failure.
   */
  failed(error: UploadError, reason: WaitingReason, startedAt: number): boolean {
    const { runtime, giveUpAfterMs } = this.#options;
    const now = runtime.now();
    if (startedAt >= this.#lastFailureAt || now < this.#lastFailureAt) this.#failures += 1;
    const passed = Math.min(Math.max(0, now - this.#lastFailureAt), betweenFailuresMsMax);
    this.#failingMs = this.#failingMs === null ? 0 : this.#failingMs + passed;
    this.#lastFailureAt = now;
    if (this.#failingMs >= giveUpAfterMs) return false;
    const ms = backoffMs({ failures: this.#failures, retryAfterMs: error.retryAfterMs, random: runtime.random() });
    if (runtime.isOnline()) this.#close(reason, ms);
    else this.#close('offline', backoffMsMax);
    return true;
  }

  /** The server refused a request as it stands: it is there. Or the count of how long it was not begins anew. */
  answered(): void {
    this.#failingMs = null;
  }

  /** A request that was started at `startedAt` got through. */
  succeeded(startedAt: number): void {
    this.#failures = 0;
    this.answered();
    // What was on its way when it closed says nothing about now.
    if (startedAt > this.#closedAt && this.#waiting?.reason !== 'busy') this.wake();
  }

  /** Opens now: a person asked for it, or the network is back. */
  wake(): void {
    this.#failures = 0;
    this.answered();
    if (this.#waiting === null) return;
    this.#waiting = null;
    this.#notify();
  }

  /** The platform said that connectivity changed, or the page woke up. */
  connectivityChanged(): void {
    if (this.#options.runtime.isOnline()) this.wake();
    else this.#close('offline', backoffMsMax);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #close(reason: WaitingReason, ms: number): void {
    const now = this.#options.runtime.now();
    const { waiting } = this;
    if (waiting !== null && waiting.until >= now + ms) return;
    this.#waiting = { reason, until: now + ms };
    this.#closedAt = now;
    this.#closedForMs = ms;
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Resolves after `ms` or at the next change. */
  #change(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => () => {
        cancel();
        unsubscribe();
        signal.removeEventListener('abort', aborted);
        finish();
      };
      const aborted = settle(() => reject(signal.reason));
      const cancel = this.#options.runtime.after(ms, settle(resolve));
      const unsubscribe = this.subscribe(settle(resolve));
      signal.addEventListener('abort', aborted);
    });
  }
}
