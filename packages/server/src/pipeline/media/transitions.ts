/**
 * Finds gradual transitions behind the detector of hard cuts: dissolves, and fades through black, white or another plain colour. Pure;
 * frames go in one by one and come out some seconds later, with what a new shot starts by.
 *
 * A stretch of frames is a candidate when its pictures lie on a straight line (`frame-paths.ts`). When both of its ends are pictures that
 * are not alike it is a dissolve; when one end is plain it is one half of a fade. Of overlapping candidates the best is taken. The halves of
 * a fade belong together when the plain picture stands for no longer than `plainSecondsMax`; a hard cut may take the place of either half.
 * A fade from black at the start of a film and one to black at its end lead to no other shot and are none.
 */
import type { MeasuredFrame, Settled } from './cut-detector.ts';
import { pathColumn, pathColumns, pathLags } from './frame-paths.ts';

export type TransitionKind = 'cut' | 'fade' | 'dissolve';

/** Seconds; a cut starts and ends with the first frame of the new shot. */
export interface Transition {
  readonly kind: TransitionKind;
  readonly start: number;
  readonly end: number;
}

export interface PathFrame extends MeasuredFrame {
  /** Spread of the blocks of the picture, 0 … 127. */
  readonly spread: number;
  /** `pathColumns` numbers for each of `pathLags`. */
  readonly paths: ArrayLike<number>;
}

export interface GradualRules {
  /** Least distance between the pictures at the ends, 0 … 255. */
  readonly gradualChangeMin: number;
  /** Most distance from the straight line, as a share of the change. */
  readonly bendMax: number;
  /** Most likeness of the two ends of a dissolve. */
  readonly likenessMax: number;
  readonly plainSpreadMax: number;
  readonly plainSecondsMax: number;
}

export interface Entered<F> {
  readonly frame: F;
  /** By what a new shot starts with this frame; null within a shot. */
  readonly transition: Transition | null;
}

type Stretch = {
  readonly kind: 'dissolve' | 'out' | 'in';
  readonly from: number;
  readonly to: number;
  readonly score: number;
};

const lagMax = pathLags[pathLags.length - 1] ?? 0;
/** Frames without a candidate after which a stretch is over. */
const quietFrames = 4;
/** With so large a share of the change within, it goes on. */
const goesOnShare = 0.7;
/** Light that flickers leaves a picture more alike than that. */
const movedLikenessMax = 0.9;
/** Frames that may belong to one group of overlapping candidates. */
const groupFramesMax = 2 * lagMax;
/** Frames beside a gradual transition in which a hard cut is part of it. */
const besideFrames = 3;

export class TransitionDetector<F extends PathFrame> {
  readonly #rules: GradualRules;
  /** Frames that are not given out, from number `#first` on. */
  #frames: F[] = [];
  #first = 0;
  readonly #entries = new Map<number, Transition>();
  #group: { best: Stretch; begun: number; latest: number } | null = null;
  /** The first half of a fade that waits for the second. */
  #out: Stretch | null = null;
  #lastEnd = -1;

  constructor(rules: GradualRules) {
    this.#rules = rules;
  }

  /** Takes the next frame; gives back those that are decided by it. */
  push({ frame, cut }: Settled<F>): Entered<F>[] {
    const at = this.#first + this.#frames.length;
    this.#frames.push(frame);
    if (cut) this.#entries.set(at, { kind: 'cut', start: frame.time, end: frame.time });
    this.#gather(at);
    this.#waitForSecondHalf(at);
    const safe = Math.min(
      at - groupFramesMax - lagMax - quietFrames,
      (this.#group?.best.from ?? at) - lagMax,
      this.#out?.from ?? at,
    );
    return this.#give(safe);
  }

  /** Gives what is left at the end of the video. */
  end(): Entered<F>[] {
    this.#closeGroup();
    // What fades out at the end leads nowhere.
    this.#out = null;
    return this.#give(this.#first + this.#frames.length);
  }

  #give(until: number): Entered<F>[] {
    const out: Entered<F>[] = [];
    const count = Math.max(0, until - this.#first);
    for (const frame of this.#frames.slice(0, count)) {
      out.push({
        frame,
        transition:
          this.#first === 0 && out.length === 0 ? null : (this.#entries.get(this.#first + out.length) ?? null),
      });
    }
    for (let at = this.#first; at < this.#first + count; at += 1) this.#entries.delete(at);
    this.#frames = this.#frames.slice(count);
    this.#first += count;
    return out;
  }

  #gather(at: number): void {
    const found = this.#stretchEndingAt(at);
    const group = this.#group;
    if (
      found &&
      group &&
      group.best.kind === found.kind &&
      found.from <= group.best.to &&
      at - group.begun < groupFramesMax
    ) {
      group.latest = at;
      if (found.score > group.best.score) group.best = found;
    } else if (found && (!group || found.score > group.best.score || found.from > group.best.to)) {
      if (group && found.from >= group.best.to - besideFrames) this.#closeGroup();
      this.#group = { best: found, begun: at, latest: at };
    } else if (group && at - group.latest > quietFrames && at >= this.#known(group.best)) this.#closeGroup();
  }

  /** The frame with which all that is looked at behind it is there. */
  #known({ kind, from, to }: Stretch): number {
    return kind === 'dissolve' ? to + besideOf(to - from) + (to - from) : to;
  }

  /** What goes on in the same way before or after, over the whole length or half of it, is a movement and no transition. */
  #goesOn({ from, to }: Stretch): boolean {
    const lag = to - from;
    const { change } = this.#path(to, lag);
    const { likenessMax } = this.#rules;
    const half = pathLags.findLast((known) => known <= lag * 0.55) ?? lag;
    const [before, after] = [from - besideOf(lag), to + besideOf(lag)];
    const like = (at: number, length: number, likeness: number) => {
      const outside = this.#path(at, length);
      return outside.bend < 1 && outside.change > (change * goesOnShare * length) / lag && outside.likeness <= likeness;
    };
    return (
      [before, after + lag].some((at) => like(at, lag, likenessMax)) ||
      [before, after + half].some((at) => like(at, half, movedLikenessMax))
    );
  }

  /** What changes slowly from one hard cut to the next is a shot of its own. */
  #isCutAt({ from, to }: Stretch): boolean {
    for (let at = from - besideFrames; at <= to + besideFrames; at += 1)
      if (this.#entries.get(at)?.kind === 'cut') return true;
    return false;
  }

  /** What was measured on the way to this frame from so many before. */
  #path(at: number, lag: number): { change: number; bend: number; likeness: number } {
    const i = (pathLags as readonly number[]).indexOf(lag);
    const paths = this.#frame(at)?.paths;
    if (i === -1 || !paths) return { change: 0, bend: 1, likeness: 1 };
    const value = (name: keyof typeof pathColumn) => paths[i * pathColumns + pathColumn[name]] ?? 0;
    return { change: value('change'), bend: value('bend'), likeness: value('likeness') };
  }

  #stretchEndingAt(at: number): Stretch | null {
    const { gradualChangeMin, bendMax, likenessMax } = this.#rules;
    const frame = this.#frame(at);
    let best: Stretch | null = null;
    for (const lag of pathLags) {
      const from = at - lag;
      const first = this.#frame(from);
      if (!frame || !first || from <= this.#lastEnd - besideFrames) continue;
      const { change, bend, likeness } = this.#path(at, lag);
      if (change < gradualChangeMin || bend > bendMax) continue;
      const [plainFirst, plainLast] = [this.#plainBeside(first, frame), this.#plainBeside(frame, first)];
      if (plainFirst && plainLast) continue;
      const kind = plainLast ? 'out' : plainFirst ? 'in' : 'dissolve';
      if (kind === 'dissolve' && likeness > likenessMax) continue;
      // Where all is said to have changed, the shorter stretch is the truer one.
      const score = change * (1 - bend) * (1 - lag / 400);
      if (!best || score > best.score) best = { kind, from, to: at, score };
    }
    return best;
  }

  #closeGroup(): void {
    const best = this.#group?.best;
    this.#group = null;
    if (!best || (best.kind === 'dissolve' && (this.#goesOn(best) || this.#isCutAt(best)))) return;
    this.#lastEnd = best.to;
    if (best.kind === 'dissolve')
      this.#enter('dissolve', { from: best.from, to: best.to, at: Math.round((best.from + best.to) / 2) });
    else if (best.kind === 'out') {
      this.#endOut();
      this.#out = best;
      // What came while it was gathered.
      for (let at = best.to + 1; at < this.#first + this.#frames.length; at += 1) this.#waitForSecondHalf(at);
    } else this.#in(best);
  }

  #in(second: Stretch): void {
    const first = this.#out;
    this.#out = null;
    if (first && this.#seconds(first.to, second.from) <= this.#rules.plainSecondsMax) {
      const at = Math.round((first.to + second.from) / 2);
      this.#enter('fade', { from: first.from, to: second.to, at });
      return;
    }
    let begin = second.from;
    while (begin > this.#first && this.#isPlain(begin - 1)) begin -= 1;
    // The film begins with it.
    if (begin === 0) return;
    const brief = this.#seconds(begin, second.from) <= this.#rules.plainSecondsMax;
    const from = brief ? begin : second.from;
    this.#enter('fade', { from, to: second.to, at: from });
  }

  /** A cut out of the plain picture ends a fade as well; one that stands long is a shot of its own. */
  #waitForSecondHalf(at: number): void {
    const first = this.#out;
    if (!first) return;
    const overdue = this.#seconds(first.to, at) > this.#rules.plainSecondsMax;
    const cut = this.#entries.get(at)?.kind === 'cut' && at > first.to;
    if (cut && !overdue && this.#isPlain(at - 1)) {
      this.#out = null;
      this.#enter('fade', { from: first.from, to: at, at });
    } else if (overdue && (this.#isPlain(at) || at - first.to > groupFramesMax)) this.#endOut();
  }

  /** The plain picture that it led to stays: it is the next shot. */
  #endOut(): void {
    const first = this.#out;
    this.#out = null;
    if (first) this.#enter('fade', { from: first.from, to: first.to, at: first.to });
  }

  #enter(kind: 'fade' | 'dissolve', { from, to, at }: { from: number; to: number; at: number }): void {
    for (let near = from - besideFrames; near <= to + besideFrames; near += 1) this.#entries.delete(near);
    const [first, last] = [this.#frame(from), this.#frame(to)];
    if (first && last && at >= this.#first) this.#entries.set(at, { kind, start: first.time, end: last.time });
  }

  #frame(at: number): F | undefined {
    return this.#frames[at - this.#first];
  }

  /** A fade need not reach the plain colour in a whole frame: next to the other end it is enough. */
  #plainBeside(frame: F, other: F): boolean {
    return frame.spread <= Math.max(this.#rules.plainSpreadMax, other.spread * 0.08);
  }

  #plain(frame: F): boolean {
    return frame.spread <= this.#rules.plainSpreadMax;
  }

  #isPlain(at: number): boolean {
    const frame = this.#frame(at);
    return frame !== undefined && this.#plain(frame);
  }

  #seconds(from: number, to: number): number {
    return (this.#frame(to)?.time ?? 0) - (this.#frame(from)?.time ?? 0);
  }
}

/** A stretch may be a quarter shorter than the transition, so what lies so close to it may still belong to it. */
function besideOf(lag: number): number {
  return Math.ceil(lag * 0.3) + 1;
}
