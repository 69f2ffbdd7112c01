/** Whether two pictures show the same text, told without reading it. Pure. */
import jpeg from 'jpeg-js';

export interface Grey {
  readonly width: number;
  readonly height: number;
  readonly values: Uint8Array;
}

/** Rows and columns of the small picture that is compared: a line of text is some rows high. */
const [columns, rows] = [240, 135];
/** A place has changed when its brightness differs by more than noise and compression make it differ. */
const changed = 24;
/** A new line of small text changes more places than this. */
const shareMax = 0.0015;

/** Brightness of each place of a JPEG, as the mean of its pixels. */
export function greyOf(file: Uint8Array): Grey {
  const { width, height, data } = jpeg.decode(file, { useTArray: true, maxMemoryUsageInMB: 256, formatAsRGBA: false });
  const sums = new Float64Array(columns * rows);
  const counts = new Uint32Array(columns * rows);
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor((y * rows) / height) * columns;
    for (let x = 0; x < width; x += 1) {
      const place = row + Math.floor((x * columns) / width);
      const at = (y * width + x) * 3;
      sums[place] =
        (sums[place] ?? 0) + (data[at] ?? 0) * 0.299 + (data[at + 1] ?? 0) * 0.587 + (data[at + 2] ?? 0) * 0.114;
      counts[place] = (counts[place] ?? 0) + 1;
    }
  }
  return { width, height, values: Uint8Array.from(sums, (sum, i) => sum / Math.max(1, counts[i] ?? 1)) };
}

export function looksSame(a: Grey, b: Grey): boolean {
  if (a.width !== b.width || a.height !== b.height) return false;
  let different = 0;
  for (let i = 0; i < a.values.length; i += 1) {
    if (Math.abs((a.values[i] ?? 0) - (b.values[i] ?? 0)) > changed) different += 1;
  }
  return different <= shareMax * a.values.length;
}
