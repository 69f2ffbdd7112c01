/** Sums up measured frames into shots. Pure. */

import type { Shot } from './analysis.ts';
import { rounded } from './analysis.ts';
import { colourNames, hexColour } from './colours.ts';
import { column } from './frame-metrics.ts';
import type { Entered, PathFrame, Transition } from './transitions.ts';

export interface RowFrame extends PathFrame {
  readonly row: Float32Array;
}

/** A shot without what other measurements add to it. */
export type PictureShot = Omit<Shot, 'loudness' | 'keyframe' | 'keyframeTime'>;

/** Mean change of luma from frame to frame below which next to nothing moves; noise of good cameras is below. */
const staticMotionMax = 0.003;
const darkBrightnessMax = 0.1;
/** Shots beyond this many are not told apart, so that a hostile file cannot fill the memory. */
const shotsMax = 50_000;

/** A frame with its time, from one row of the measuring thread. */
export function rowFrame(time: number, row: Float32Array): RowFrame {
  return {
    time,
    score: row[column.score] ?? 0,
    echoes: row.subarray(column.echo, column.paths),
    spread: row[column.spread] ?? 0,
    paths: row.subarray(column.paths),
    row,
  };
}

export class ShotBuilder {
  readonly shots: PictureShot[] = [];
  readonly #onShot: (shot: PictureShot) => void;
  #sums: ShotSums | null = null;

  constructor(onShot: (shot: PictureShot) => void) {
    this.#onShot = onShot;
  }

  add({ frame, transition }: Entered<RowFrame>): void {
    if (transition && this.shots.length < shotsMax) this.#close(frame.time);
    this.#sums ??= new ShotSums(frame.time, transition);
    this.#sums.add(frame.row);
  }

  /** Ends the last shot with the video. */
  end(time: number): void {
    this.#close(time);
  }

  #close(end: number): void {
    if (!this.#sums) return;
    const shot = this.#sums.shot(this.shots.length + 1, end);
    this.#sums = null;
    this.shots.push(shot);
    this.#onShot(shot);
  }
}

class ShotSums {
  readonly #start: number;
  readonly #colours = Array.from(colourNames, () => ({ votes: 0, red: 0, green: 0, blue: 0, frames: 0 }));
  #frames = 0;
  #luma = 0;
  #motion = 0;

  readonly #transition: Transition | null;

  constructor(start: number, transition: Transition | null) {
    this.#start = start;
    this.#transition = transition;
  }

  add(row: Float32Array): void {
    const at = (index: number) => row[index] ?? 0;
    // The change into the first frame is the cut itself.
    if (this.#frames > 0) this.#motion += at(column.motion);
    this.#frames += 1;
    this.#luma += at(column.luma);
    const colour = this.#colours[at(column.colour)];
    if (!colour) return;
    colour.frames += 1;
    colour.votes += at(column.share);
    colour.red += at(column.red);
    colour.green += at(column.green);
    colour.blue += at(column.blue);
  }

  shot(index: number, end: number): PictureShot {
    const frames = Math.max(1, this.#frames);
    const brightness = this.#luma / frames;
    const motion = this.#motion / Math.max(1, this.#frames - 1);
    const votes = this.#colours.map((colour) => colour.votes);
    const best = votes.indexOf(Math.max(...votes));
    const colour = this.#colours[best] ?? { votes: 0, red: 0, green: 0, blue: 0, frames: 1 };
    const seen = Math.max(1, colour.frames);
    return {
      index,
      start: rounded(this.#start),
      end: rounded(end),
      duration: rounded(Math.max(0, end - this.#start)),
      frames: this.#frames,
      transition: this.#transition && {
        kind: this.#transition.kind,
        start: rounded(this.#transition.start),
        end: rounded(this.#transition.end),
      },
      brightness: rounded(brightness),
      motion: rounded(motion, 4),
      dominantColour: {
        name: colourNames[best] ?? 'black',
        hex: hexColour(colour.red / seen, colour.green / seen, colour.blue / seen),
        share: rounded(colour.votes / seen, 2),
      },
      static: motion < staticMotionMax,
      dark: brightness < darkBrightnessMax,
    };
  }
}
