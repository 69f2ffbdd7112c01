/**
 * Finds hard cuts in a stream of measured frames: adaptive threshold on the change in hue, saturation and value, as PySceneDetect's
 * adaptive detector does it, with a check for flashes. Pure; frames go in one by one and come out settled a few frames later.
 *
 * A frame starts a new shot when the shot before it lasted `shotSecondsMin` and it stands out from the mean of the two frames on either
 * side, in one of two ways:
 * - its change in hue, saturation and value is at least `changeMin` and `ratioMin` times that mean, and the picture itself jumps too (at
 *   the end of a fade to black hue and saturation collapse while the picture goes on as slowly as before);
 * - the jump of the picture in blocks of 8 × 8 pixels, in which noise cancels out, is that large.
 * Slides and screens stand still and then change in a small part: where nothing moves, a much smaller jump counts, if it stands out by
 * `slideRatioMin` (`profile`). A change that goes back within seven frames to the picture before it (a flash, one broken frame) is none.
 * Gradual transitions are found behind this (`transitions.ts`).
 */
import { echoFrames } from './frame-metrics.ts';

export interface MeasuredFrame {
  /** Seconds from the file's start, exact. */
  readonly time: number;
  /** Mean change of hue, saturation and value to the frame before, 0 … 255. */
  readonly score: number;
  /** Distance to the frames 1 … 7 before, 0 … 255; negative where there is none. */
  readonly echoes: ArrayLike<number>;
}

export interface CutRules {
  readonly ratioMin: number;
  readonly changeMin: number;
  /** Least jump of the picture in blocks; keyframes of low bit rates stand out by up to 6. */
  readonly jumpMin: number;
  readonly windowFrames: number;
  readonly shotSecondsMin: number;
  /** Whether small changes of still pictures are cuts: `film` never, `slides` always, `auto` where nothing moved for a while. */
  readonly profile: Profile;
  readonly slideChangeMin: number;
  readonly slideRatioMin: number;
  /** How long nothing may have moved for `auto`. */
  readonly stillSecondsMin: number;
}

export type Profile = 'auto' | 'film' | 'slides';

export interface Settled<F> {
  readonly frame: F;
  /** Whether a new shot starts with this frame; never true for the first. */
  readonly cut: boolean;
}

/** A picture counts as the same again when it is that much closer than the jump away from it. */
const echoShare = 0.35;
/** A fade gives at most 2 (at its ends), a cut over two blended frames 4. */
const jumpRatioMin = 2.5;
const tiny = 1e-6;
/** Jumps of the picture below this are noise of the encoder: nothing moves. */
export const stillJumpMax = 0.3;
/** On screens a cursor moves now and then. */
const slidesStillSeconds = 0.4;

const scoreOf = (frame: MeasuredFrame): number => frame.score;
/** How far the picture is from the one before. */
const jumpOf = (frame: MeasuredFrame): number => Math.max(0, frame.echoes[0] ?? 0);

export class CutDetector<F extends MeasuredFrame> {
  readonly #rules: CutRules;
  /** Frames that are still needed: `windowFrames` settled ones, then those to come. */
  #frames: F[] = [];
  /** Index in `#frames` of the first frame that is not settled. */
  #next = 0;
  #shotStart: number | null = null;
  /** Time of the last frame in which something moved or the shot began. */
  #stillSince = 0;

  constructor(rules: CutRules) {
    this.#rules = rules;
  }

  /** Takes the next frame; gives back what is settled by it. */
  push(frame: F): Settled<F>[] {
    this.#frames.push(frame);
    const ahead = Math.max(this.#rules.windowFrames, echoFrames - 1);
    return this.#frames.length - this.#next > ahead ? [this.#settleNext()] : [];
  }

  /** Settles what is left at the end of the video. */
  end(): Settled<F>[] {
    const out: Settled<F>[] = [];
    while (this.#next < this.#frames.length) out.push(this.#settleNext());
    return out;
  }

  #settleNext(): Settled<F> {
    const at = this.#next;
    const frame = this.#frames[at] as F;
    this.#shotStart ??= frame.time;
    const cut = this.#isCut(at, frame.time - this.#shotStart);
    if (cut) this.#shotStart = frame.time;
    if (cut || at === 0 || jumpOf(frame) > stillJumpMax) this.#stillSince = frame.time;
    this.#next += 1;
    const surplus = this.#next - Math.max(this.#rules.windowFrames, echoFrames);
    if (surplus > 0) {
      this.#frames = this.#frames.slice(surplus);
      this.#next -= surplus;
    }
    return { frame, cut };
  }

  #isCut(at: number, shotSeconds: number): boolean {
    const frame = this.#frames[at];
    if (!frame || at === 0 || shotSeconds < this.#rules.shotSecondsMin) return false;
    const { changeMin, jumpMin, ratioMin } = this.#rules;
    const jumpRatio = jumpOf(frame) / Math.max(this.#meanAround(at, jumpOf), tiny);
    const changeRatio = frame.score / Math.max(this.#meanAround(at, scoreOf), tiny);
    const changed =
      frame.score >= changeMin && jumpOf(frame) >= jumpMin && changeRatio >= ratioMin && jumpRatio >= jumpRatioMin;
    const jumped = jumpOf(frame) >= Math.max(jumpMin, changeMin) && jumpRatio >= ratioMin;
    return (changed || jumped || this.#isNewSlide(at, jumpRatio)) && !this.#isFlash(at);
  }

  #isNewSlide(at: number, jumpRatio: number): boolean {
    const { profile, slideChangeMin, slideRatioMin, stillSecondsMin } = this.#rules;
    const frame = this.#frames[at];
    if (!frame || profile === 'film' || jumpOf(frame) < slideChangeMin || jumpRatio < slideRatioMin) return false;
    const stillSeconds = profile === 'slides' ? Math.min(slidesStillSeconds, stillSecondsMin) : stillSecondsMin;
    const stillAfter = this.#frames.slice(at + 1).every((next) => jumpOf(next) <= stillJumpMax);
    return stillAfter && frame.time - this.#stillSince >= stillSeconds;
  }

  /** Frames beyond the ends count as unchanged, so that a cut right at an end is found. */
  #meanAround(at: number, of: (frame: F) => number): number {
    const { windowFrames } = this.#rules;
    let sum = 0;
    for (let by = 1; by <= windowFrames; by += 1) {
      for (const frame of [this.#frames[at - by], this.#frames[at + by]]) sum += frame ? of(frame) : 0;
    }
    return sum / (2 * windowFrames);
  }

  #isFlash(at: number): boolean {
    const jump = this.#frames[at]?.echoes[0] ?? 0;
    const same = (distance: number | undefined) =>
      distance !== undefined && distance >= 0 && distance < echoShare * jump;
    for (let lag = 2; lag <= echoFrames; lag += 1) {
      // The picture before the jump comes back later (the flash begins here) …
      if (same(this.#frames[at + lag - 1]?.echoes[lag - 1])) return true;
      // … or the picture of now was there before (the flash ends here).
      if (same(this.#frames[at]?.echoes[lag - 1])) return true;
    }
    return false;
  }
}
