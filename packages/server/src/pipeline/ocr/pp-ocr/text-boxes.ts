/**
 * From a map of how likely each place is part of a line of text to boxes around the lines: differentiable binarisation as in Liao et al.,
 * "Real-time Scene Text Detection with Differentiable Binarization" (2020), with upright boxes. Pure.
 */
import type { Box } from '../text-reader.ts';

export interface ProbabilityMap {
  readonly width: number;
  readonly height: number;
  /** 0 … 1, row by row. */
  readonly values: Float32Array;
}

/** As PP-OCRv4 is delivered. */
export const boxRules = { likelyMin: 0.3, scoreMin: 0.6, unclipRatio: 1.5, sideMin: 3 };
/** More lines than any readable picture has. */
const boxesMax = 1_000;

/** In pixels of the map; the kernels that the model marks are shrunk, so boxes are grown again. */
export function textBoxes(map: ProbabilityMap, rules: typeof boxRules): Box[] {
  const seen = new Uint8Array(map.width * map.height);
  const boxes: Box[] = [];
  for (let at = 0; at < seen.length && boxes.length < boxesMax; at += 1) {
    if (seen[at] !== 0 || (map.values[at] ?? 0) <= rules.likelyMin) continue;
    const box = componentAt(map, at, { seen, likelyMin: rules.likelyMin });
    if (Math.min(box.width, box.height) < rules.sideMin || meanIn(map, box) < rules.scoreMin) continue;
    boxes.push(grown(box, map, rules.unclipRatio));
  }
  return boxes;
}

/** Bounds of all likely places that hang together (with corners) with this one. */
function componentAt(
  { width, height, values }: ProbabilityMap,
  first: number,
  { seen, likelyMin }: { readonly seen: Uint8Array; readonly likelyMin: number },
): Box {
  let [left, right, top, bottom] = [width, 0, height, 0];
  const open = [first];
  seen[first] = 1;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const [x, y] = [at % width, Math.floor(at / width)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v += 1) {
      for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u += 1) {
        const next = v * width + u;
        if (seen[next] !== 0 || (values[next] ?? 0) <= likelyMin) continue;
        seen[next] = 1;
        open.push(next);
      }
    }
  }
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

function meanIn({ width, values }: ProbabilityMap, box: Box): number {
  let sum = 0;
  for (let y = box.y; y < box.y + box.height; y += 1)
    for (let x = box.x; x < box.x + box.width; x += 1) sum += values[y * width + x] ?? 0;
  return sum / (box.width * box.height);
}

function grown(box: Box, map: ProbabilityMap, ratio: number): Box {
  const by = (box.width * box.height * ratio) / (2 * (box.width + box.height));
  const [x, y] = [Math.max(0, box.x - by), Math.max(0, box.y - by)];
  return {
    x,
    y,
    width: Math.min(map.width, box.x + box.width + by) - x,
    height: Math.min(map.height, box.y + box.height + by) - y,
  };
}

/** Rows from top to bottom, each from left to right; boxes beside each other share more than half of the lower one's height. */
export function inReadingOrder<T extends { readonly box: Box }>(lines: readonly T[]): T[] {
  const middle = ({ box }: T) => box.y + box.height / 2;
  const rows: T[][] = [];
  for (const line of [...lines].sort((a, b) => middle(a) - middle(b))) {
    const row = rows.at(-1);
    const first = row?.[0];
    if (row && first && shared(first.box, line.box) > 0.5) row.push(line);
    else rows.push([line]);
  }
  return rows.flatMap((row) => row.sort((a, b) => a.box.x - b.box.x));
}

function shared(a: Box, b: Box): number {
  const overlap = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return overlap / Math.min(a.height, b.height);
}
