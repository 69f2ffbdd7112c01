/**
 * What is measured on each small RGB frame. Pure arithmetic on arrays that are kept between frames; runs in a worker thread, because
 * it would take the event loop away from uploads.
 */
import { colourIndex, colourNames } from './colours.ts';
import { PathMeter, pathColumns, pathLags } from './frame-paths.ts';

export const frameWidth = 256;
export const frameHeight = 144;
const pixels = frameWidth * frameHeight;
/** Bytes of one frame. */
export const frameBytes = pixels * 3;

/** Frames back to which a frame is compared, to tell flashes from cuts. */
export const echoFrames = 7;
const block = 8;
const thumbWidth = frameWidth / block;
const thumbBytes = thumbWidth * (frameHeight / block) * 3;
/** Every how many-th pixel is looked at for colours; prime, so that it does not follow columns. */
const colourStride = 7;

/** Columns of a row of measurements; then `echoFrames` distances to the frames 1 … 7 before; then the paths of gradual changes. */
export const column = {
  score: 0,
  luma: 1,
  motion: 2,
  colour: 3,
  share: 4,
  red: 5,
  green: 6,
  blue: 7,
  spread: 8,
  echo: 9,
  paths: 9 + echoFrames,
} as const;
export const rowLength = column.paths + pathLags.length * pathColumns;

/** Measures frames that follow one another. */
export class FrameMeasurer {
  #seen = 0;
  #now = new Planes();
  #before = new Planes();
  readonly #thumbs = Array.from({ length: echoFrames + 1 }, () => new Float32Array(thumbBytes));
  readonly #paths = new PathMeter();

  /** Fills `row` (`rowLength` numbers) from one frame of `frameBytes` bytes. */
  measure(frame: Uint8Array, row: Float32Array): void {
    [this.#before, this.#now] = [this.#now, this.#before];
    this.#now.load(frame);
    row[column.luma] = this.#now.meanLuma;
    compare(this.#now, this.#before, row);
    if (this.#seen === 0) row[column.score] = row[column.motion] = 0;
    dominantColour(frame, this.#now, row);
    const thumb = this.#echoes(frame, row);
    row[column.spread] = spreadOf(thumb);
    this.#paths.measure(thumb, row.subarray(column.paths));
    this.#seen += 1;
  }

  #echoes(frame: Uint8Array, row: Float32Array): Float32Array {
    const slots = this.#thumbs.length;
    const own = this.#thumbs[this.#seen % slots] as Float32Array;
    shrink(frame, own);
    for (let back = 1; back <= echoFrames; back += 1) {
      const known = back <= this.#seen;
      const other = this.#thumbs[(this.#seen - back + slots * 2) % slots] as Float32Array;
      row[column.echo + back - 1] = known ? distance(own, other) : -1;
    }
    return own;
  }
}

/** A frame as hue (0 … 179, as OpenCV has it), saturation, value and luma. */
class Planes {
  readonly hue = new Uint8Array(pixels);
  readonly saturation = new Uint8Array(pixels);
  readonly value = new Uint8Array(pixels);
  readonly luma = new Uint8Array(pixels);
  meanLuma = 0;

  load(frame: Uint8Array): void {
    let sum = 0;
    for (let i = 0, at = 0; i < pixels; i += 1, at += 3) {
      const red = frame[at] as number;
      const green = frame[at + 1] as number;
      const blue = frame[at + 2] as number;
      const high = Math.max(red, green, blue);
      const low = Math.min(red, green, blue);
      const range = high - low;
      let hue = 0;
      if (range !== 0) {
        if (high === red) hue = (30 * (green - blue)) / range;
        else if (high === green) hue = 60 + (30 * (blue - red)) / range;
        else hue = 120 + (30 * (red - green)) / range;
        if (hue < 0) hue += 180;
      }
      this.hue[i] = hue;
      this.saturation[i] = high === 0 ? 0 : (255 * range) / high;
      this.value[i] = high;
      const luma = (77 * red + 150 * green + 29 * blue) >> 8;
      this.luma[i] = luma;
      sum += luma;
    }
    this.meanLuma = sum / pixels / 255;
  }
}

/** Mean change of hue, saturation and value, weighed equally, and of luma. */
function compare(now: Planes, before: Planes, row: Float32Array): void {
  let change = 0;
  let lumaChange = 0;
  for (let i = 0; i < pixels; i += 1) {
    change +=
      Math.abs((now.hue[i] as number) - (before.hue[i] as number)) +
      Math.abs((now.saturation[i] as number) - (before.saturation[i] as number)) +
      Math.abs((now.value[i] as number) - (before.value[i] as number));
    lumaChange += Math.abs((now.luma[i] as number) - (before.luma[i] as number));
  }
  row[column.score] = change / (3 * pixels);
  row[column.motion] = lumaChange / pixels / 255;
}

const votes = new Float64Array(colourNames.length * 4);

function dominantColour(frame: Uint8Array, planes: Planes, row: Float32Array): void {
  votes.fill(0);
  let looked = 0;
  for (let i = 0; i < pixels; i += colourStride) {
    const at = colourIndex(planes.hue[i] as number, planes.saturation[i] as number, planes.value[i] as number) * 4;
    votes[at] = (votes[at] as number) + 1;
    for (let c = 0; c < 3; c += 1) votes[at + 1 + c] = (votes[at + 1 + c] as number) + (frame[i * 3 + c] as number);
    looked += 1;
  }
  let best = 0;
  for (let at = 4; at < votes.length; at += 4) if ((votes[at] as number) > (votes[best] as number)) best = at;
  const count = votes[best] as number;
  row[column.colour] = best / 4;
  row[column.share] = count / looked;
  row[column.red] = (votes[best + 1] as number) / count;
  row[column.green] = (votes[best + 2] as number) / count;
  row[column.blue] = (votes[best + 3] as number) / count;
}

/** Mean RGB of blocks of 8 × 8 pixels. */
function shrink(frame: Uint8Array, thumb: Float32Array): void {
  thumb.fill(0);
  for (let y = 0, at = 0; y < frameHeight; y += 1) {
    const line = Math.floor(y / block) * thumbWidth;
    for (let x = 0; x < frameWidth; x += 1, at += 3) {
      const to = (line + (x >> 3)) * 3;
      thumb[to] = (thumb[to] as number) + (frame[at] as number);
      thumb[to + 1] = (thumb[to + 1] as number) + (frame[at + 1] as number);
      thumb[to + 2] = (thumb[to + 2] as number) + (frame[at + 2] as number);
    }
  }
  for (let i = 0; i < thumb.length; i += 1) thumb[i] = (thumb[i] as number) / (block * block);
}

/** Mean difference, 0 … 255. */
function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += Math.abs((a[i] as number) - (b[i] as number));
  return sum / a.length;
}

/** Standard deviation over the blocks, 0 … 127: next to nothing for a picture of one colour. */
function spreadOf(thumb: Float32Array): number {
  let deviation = 0;
  for (let channel = 0; channel < 3; channel += 1) {
    let [sum, squares] = [0, 0];
    for (let i = channel; i < thumb.length; i += 3) {
      const value = thumb[i] as number;
      sum += value;
      squares += value * value;
    }
    const count = thumb.length / 3;
    deviation = Math.max(deviation, Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)));
  }
  return deviation;
}
