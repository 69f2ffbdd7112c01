/** Keeps the sound in time: what is said at 12:34 of the original is at 12:34 of the result. */

/** Rounded time stamps (MP4, WebM) lie this far off without meaning it. */
const toleranceSeconds = 0.04;

export interface Placement {
  /** Frames of silence to put first. */
  readonly silence: number;
  /** Frames of the block that lie before what is written already, or before the beginning. */
  readonly skip: number;
}

export class Timeline {
  #seconds = 0;
  #begun = false;

  /** Seconds that were placed so far. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Where a block goes that says of itself that it begins at `timestamp` (s). Its frames count as written. */
  place(timestamp: number, frames: number, sampleRate: number): Placement {
    const offset = Number.isFinite(timestamp) ? timestamp - this.#seconds : 0;
    const meant = !this.#begun || Math.abs(offset) > toleranceSeconds;
    const shift = meant ? Math.round(offset * sampleRate) : 0;
    const silence = Math.max(0, shift);
    const skip = Math.min(frames, Math.max(0, -shift));
    this.#begun ||= skip < frames;
    this.#seconds += (silence + frames - skip) / sampleRate;
    return { silence, skip };
  }

  /**
   * Frames of the last block, already placed, that lie behind the end of the track (s), and are now taken off: what a format fills its last packet
   * up with. An end that lies before the block is wrong, and takes nothing.
   */
  takeOffEnd(end: number, frames: number, sampleRate: number): number {
    const excess = Math.round((this.#seconds - end) * sampleRate);
    if (!(excess > 0 && excess < frames)) return 0;
    this.#seconds -= excess / sampleRate;
    return excess;
  }
}
