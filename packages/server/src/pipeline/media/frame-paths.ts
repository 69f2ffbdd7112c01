/**
 * How pictures change over several frames: in a dissolve or a fade each picture is a mixture of the first and the last one, so that the
 * way from one to the other is a straight line, walked at an even pace; things that move take no straight way. Measured for several
 * lengths at each frame on pictures of 16 × 9 blocks. Pure; runs in the measuring thread.
 */

/** Lengths in frames that are tried, each a third longer than the one before; longer transitions than the last are not found. */
export const pathLags = [6, 8, 11, 15, 20, 27, 36, 48, 64, 86] as const;

/** What a row has for each length. */
export const pathColumn = {
  /** Mean distance between the first and the last picture, 0 … 255. */
  change: 0,
  /** How far the pictures between are from the straight line at most, as a share of the change; 1 when there is no even way. */
  bend: 1,
  /** Correlation of the first and the last picture, -1 … 1; high when only the light changed. */
  likeness: 2,
} as const;
export const pathColumns = 3;

/** Blocks of 8 × 8 pixels come in, 32 × 18 of them, three channels; two by two are joined. */
const [inWidth, inHeight] = [32, 18];
const [width, height] = [inWidth / 2, inHeight / 2];
const size = width * height * 3;
const history = Math.max(...pathLags) + 1;
/** Below this nothing worth a look has changed. */
const changeMin = 3;
/** Where a third picture must be on the way, for the pictures at a quarter, half and three quarters of the time. */
const paces = [
  { at: 0.25, from: 0.08, to: 0.45 },
  { at: 0.5, from: 0.3, to: 0.7 },
  { at: 0.75, from: 0.55, to: 0.92 },
] as const;

export class PathMeter {
  readonly #ring = Array.from({ length: history }, () => new Float32Array(size));
  readonly #way = new Float32Array(size);
  #seen = 0;

  /** Fills `pathLags.length * pathColumns` numbers of `row`. */
  measure(thumb: Float32Array, row: Float32Array): void {
    const last = this.#at(0);
    join(thumb, last);
    pathLags.forEach((lag, i) => {
      const out = row.subarray(i * pathColumns, (i + 1) * pathColumns);
      out.set([0, 1, 1]);
      if (lag <= this.#seen) this.#path(lag, last, out);
    });
    this.#seen += 1;
  }

  #path(lag: number, last: Float32Array, out: Float32Array): void {
    const first = this.#at(lag);
    const way = this.#way;
    let [change, squares] = [0, 0];
    for (let i = 0; i < size; i += 1) {
      const step = (last[i] as number) - (first[i] as number);
      way[i] = step;
      change += Math.abs(step);
      squares += step * step;
    }
    out[pathColumn.change] = change / size;
    if (change / size < changeMin) return;
    out[pathColumn.likeness] = likeness(first, last);
    let bend = 0;
    for (const { at, from, to } of paces) {
      const between = this.#at(Math.round(lag * (1 - at)));
      const pace = along(first, between, way) / squares;
      bend = pace < from || pace > to ? 1 : Math.max(bend, beside(first, between, way, pace) / change);
      if (bend >= 1) return;
    }
    out[pathColumn.bend] = bend;
  }

  /** The picture so many frames back. */
  #at(back: number): Float32Array {
    return this.#ring[(this.#seen - back + history * 2) % history] as Float32Array;
  }
}

/** Scalar product of the way so far and the whole way. */
function along(first: Float32Array, between: Float32Array, way: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < size; i += 1) sum += ((between[i] as number) - (first[i] as number)) * (way[i] as number);
  return sum;
}

/** Sum of distances from the place on the line. */
function beside(first: Float32Array, between: Float32Array, way: Float32Array, pace: number): number {
  let sum = 0;
  for (let i = 0; i < size; i += 1)
    sum += Math.abs((between[i] as number) - (first[i] as number) - pace * (way[i] as number));
  return sum;
}

function likeness(a: Float32Array, b: Float32Array): number {
  const means = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < size; i += 1) {
    means[i % 3] = (means[i % 3] as number) + (a[i] as number) / (size / 3);
    means[3 + (i % 3)] = (means[3 + (i % 3)] as number) + (b[i] as number) / (size / 3);
  }
  let [product, ownA, ownB] = [0, 0, 0];
  for (let i = 0; i < size; i += 1) {
    const da = (a[i] as number) - (means[i % 3] as number);
    const db = (b[i] as number) - (means[3 + (i % 3)] as number);
    product += da * db;
    ownA += da * da;
    ownB += db * db;
  }
  return ownA === 0 || ownB === 0 ? 0 : product / Math.sqrt(ownA * ownB);
}

function join(thumb: Float32Array, out: Float32Array): void {
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let c = 0; c < 3; c += 1, to += 1) {
        const at = (y * 2 * inWidth + x * 2) * 3 + c;
        const below = at + inWidth * 3;
        out[to] =
          ((thumb[at] as number) +
            (thumb[at + 3] as number) +
            (thumb[below] as number) +
            (thumb[below + 3] as number)) /
          4;
      }
    }
  }
}
