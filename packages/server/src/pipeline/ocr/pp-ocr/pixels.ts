/** Pictures as the models take them: parts of a picture at another size, as planes of normalised numbers. Pure. */
import type { Box } from '../text-reader.ts';

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each pixel in turn. */
  readonly data: Uint8Array;
}

export interface Normalisation {
  /** In the order of the planes, which is blue, green, red, as the models were trained. */
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
}

export interface Planes {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/**
 * The part of the picture at the size, three planes one behind the other. Smaller: mean of the pixels that fall on one; larger: bilinear.
 * `turned`: the part a quarter to the left, for writing that runs downwards. `paddedWidth`: zeros to the right.
 */
export function planesOf(
  pixels: Pixels,
  part: Box,
  size: { readonly width: number; readonly height: number; readonly paddedWidth?: number; readonly turned?: boolean },
  { mean, deviation }: Normalisation,
): Planes {
  const { width, height, turned = false, paddedWidth = width } = size;
  const across = samplesAlong(turned ? part.y : part.x, turned ? part.height : part.width, width);
  const down = samplesAlong(turned ? part.x : part.y, turned ? part.width : part.height, height);
  // A quarter to the left: what was the right side becomes the top.
  if (turned) down.reverse();
  const plane = paddedWidth * height;
  const values = new Float32Array(3 * plane);
  const rows = turned ? pixels.width : pixels.height;
  const columns = turned ? pixels.height : pixels.width;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const colour = meanAt(pixels, { across: across[x] ?? [], down: down[y] ?? [], columns, rows, turned });
      for (let c = 0; c < 3; c += 1) {
        const level = ((colour[2 - c] ?? 0) / 255 - (mean[c] ?? 0)) / (deviation[c] ?? 1);
        values[c * plane + y * paddedWidth + x] = level;
      }
    }
  }
  return { width: paddedWidth, height, values };
}

/** Positions along one direction whose mean is one pixel of the result, with their weights: `[position, weight]`. */
type Samples = readonly (readonly [number, number])[];

function samplesAlong(start: number, length: number, count: number): Samples[] {
  const step = length / count;
  return Array.from({ length: count }, (_, i) => {
    if (step <= 1) {
      const at = start + (i + 0.5) * step - 0.5;
      const low = Math.floor(at);
      return [
        [low, 1 - (at - low)],
        [low + 1, at - low],
      ];
    }
    const [from, to] = [start + i * step, start + (i + 1) * step];
    const samples: [number, number][] = [];
    for (let at = Math.floor(from); at < to; at += 1)
      samples.push([at, (Math.min(at + 1, to) - Math.max(at, from)) / step]);
    return samples;
  });
}

interface Spot {
  readonly across: Samples;
  readonly down: Samples;
  readonly columns: number;
  readonly rows: number;
  readonly turned: boolean;
}

function meanAt({ width, data }: Pixels, { across, down, columns, rows, turned }: Spot): [number, number, number] {
  let [red, green, blue] = [0, 0, 0];
  for (const [v, downWeight] of down) {
    const y = Math.max(0, Math.min(rows - 1, v));
    for (const [u, acrossWeight] of across) {
      const x = Math.max(0, Math.min(columns - 1, u));
      const at = (turned ? x * width + y : y * width + x) * 3;
      const weight = downWeight * acrossWeight;
      red += (data[at] ?? 0) * weight;
      green += (data[at + 1] ?? 0) * weight;
      blue += (data[at + 2] ?? 0) * weight;
    }
  }
  return [red, green, blue];
}
