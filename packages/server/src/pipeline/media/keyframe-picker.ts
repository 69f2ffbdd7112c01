/**
 * Chooses one picture per shot from pictures that come every fraction of a second, with bounded memory: pictures of a long shot are
 * thinned while it lasts. Pictures and cuts come on different pipes, so a shot is only decided once the pictures have passed its end. Pure.
 */
export interface Picture {
  readonly time: number;
  readonly jpeg: Buffer;
}

interface EndedShot {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** Pictures kept of the shot that is going on. */
const keptMax = 48;
const spacingFirst = 0.5;

export class KeyframePicker {
  readonly #onPick: (shotIndex: number, picture: Picture) => void;
  #pictures: Picture[] = [];
  #ended: EndedShot[] = [];
  #latest = Number.NEGATIVE_INFINITY;
  /** Seconds that pictures of the shot that is going on are apart; 0 while none was dropped. */
  #spacing = 0;
  /** Before this time all cuts are known. */
  #settledUntil = 0;

  constructor(onPick: (shotIndex: number, picture: Picture) => void) {
    this.#onPick = onPick;
  }

  add(picture: Picture): void {
    this.#pictures.push(picture);
    this.#latest = picture.time;
    this.#decide(false);
    this.#thin();
  }

  /** Says that a shot is over; shots are given in order. */
  shotEnded(shot: EndedShot): void {
    this.#ended.push(shot);
    this.#decide(false);
  }

  settled(time: number): void {
    this.#settledUntil = time;
  }

  /** All pictures have come. */
  end(): void {
    this.#decide(true);
  }

  #decide(all: boolean): void {
    for (let shot = this.#ended[0]; shot && (all || this.#latest >= shot.end); shot = this.#ended[0]) {
      const { index, start, end } = shot;
      const within = this.#pictures.filter((picture) => picture.time >= start && picture.time < end);
      const best = nearest(within, (start + end) / 2);
      if (best) this.#onPick(index, best);
      this.#pictures = this.#pictures.filter((picture) => picture.time >= end);
      this.#ended.shift();
      this.#spacing = 0;
    }
  }

  /** Keeps pictures of the shot that is going on evenly far apart, further the longer it lasts; only what no cut can reach any more. */
  #thin(): void {
    if (this.#pictures.length <= keptMax || this.#ended.length > 0) return;
    const old = this.#pictures.filter((picture) => picture.time < this.#settledUntil);
    if (old.length < keptMax / 2) return;
    let kept = apart(old, this.#spacing);
    while (kept.length > keptMax / 2) {
      this.#spacing = this.#spacing === 0 ? spacingFirst : this.#spacing * 2;
      kept = apart(old, this.#spacing);
    }
    this.#pictures = [...kept, ...this.#pictures.slice(old.length)];
  }
}

/** Pictures that are at least `spacing` seconds apart. */
function apart(pictures: readonly Picture[], spacing: number): Picture[] {
  let last = Number.NEGATIVE_INFINITY;
  return pictures.filter(({ time }) => {
    if (time - last < spacing) return false;
    last = time;
    return true;
  });
}

function nearest(pictures: readonly Picture[], time: number): Picture | null {
  let best: Picture | null = null;
  for (const picture of pictures) {
    if (best === null || Math.abs(picture.time - time) < Math.abs(best.time - time)) best = picture;
  }
  return best;
}

/** Which of `count` things to keep when only `max` may stay: evenly spread. Indexes from 0. */
export function evenly(count: number, max: number): Set<number> {
  if (count <= max) return new Set(Array.from({ length: count }, (_, i) => i));
  return new Set(Array.from({ length: max }, (_, i) => Math.floor(((i + 0.5) * count) / max)));
}
