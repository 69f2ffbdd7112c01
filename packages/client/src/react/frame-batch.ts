/**
 * Brings changes to components in one animation frame, at most 10 times a second, however many uploads there are. A change of
 * state (a click was obeyed, something ended) takes the next frame. In a hidden tab there are no frames: it catches up when shown.
 */
import type { Watchable } from '../watchable.ts';

/** Between two commits of mere progress. */
const commitMsMin = 100;

/** What of the browser it needs. */
export type RequestFrame = (callback: (timeMs: number) => void) => unknown;

export class FrameBatch {
  readonly #requestFrame: RequestFrame;
  readonly #waiting = new Set<() => void>();
  #committedAt = Number.NEGATIVE_INFINITY;
  #requested = false;
  #urgent = false;

  constructor(requestFrame: RequestFrame) {
    this.#requestFrame = requestFrame;
  }

  /** Calls the listener once in one of the next frames, however often it is asked to until then. */
  schedule(listener: () => void, urgent: boolean): void {
    this.#waiting.add(listener);
    this.#urgent ||= urgent;
    this.#request();
  }

  forget(listener: () => void): void {
    this.#waiting.delete(listener);
  }

  #request(): void {
    if (this.#requested) return;
    this.#requested = true;
    this.#requestFrame((timeMs) => this.#frame(timeMs));
  }

  #frame(timeMs: number): void {
    this.#requested = false;
    if (this.#waiting.size === 0) return;
    if (!this.#urgent && timeMs - this.#committedAt < commitMsMin) {
      this.#request();
      return;
    }
    this.#committedAt = timeMs;
    this.#urgent = false;
    const listeners = [...this.#waiting];
    this.#waiting.clear();
    for (const listener of listeners) listener();
  }
}

/** A page has one sequence of frames, so its components share one batch. Touches nothing until somebody watches. */
const pageFrames = new FrameBatch((callback) => globalThis.requestAnimationFrame(callback));

/** Subscribes through the batch. `urgencyOf`: a value whose change is not to be waited for. */
export function watchInFrames<T>(source: Watchable<T>, urgencyOf: (value: T) => unknown, listener: () => void) {
  let shown = urgencyOf(source.snapshot);
  // A listener of its own, because two components may pass the same one.
  const commit = () => listener();
  const unsubscribe = source.subscribe(() => {
    const now = urgencyOf(source.snapshot);
    pageFrames.schedule(commit, now !== shown);
    shown = now;
  });
  return () => {
    unsubscribe();
    pageFrames.forget(commit);
  };
}
