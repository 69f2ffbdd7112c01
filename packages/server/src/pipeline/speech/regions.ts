/** Stretches of speech and how they are put together for recognisers. Seconds from the beginning of the sound. Pure. */

import type { Interval } from '../media/analysis.ts';
import { rounded } from '../media/analysis.ts';

export function secondsOf(regions: readonly Interval[]): number {
  return rounded(regions.reduce((sum, { start, end }) => sum + end - start, 0));
}

/** What is left between silences. */
export function betweenSilences(silences: readonly Interval[], seconds: number): Interval[] {
  const out: Interval[] = [];
  let at = 0;
  for (const { start, end } of [...silences, { start: seconds, end: seconds }]) {
    if (start - at >= 0.1) out.push({ start: rounded(at), end: rounded(start) });
    at = Math.max(at, end);
  }
  return out;
}

export interface ChunkRules {
  /** A chunk is longer only when a single region is, and that is then cut hard. */
  readonly secondsMax: number;
  /** Sound left around speech, so that soft beginnings and ends of words stay. */
  readonly paddingSeconds: number;
  /** Longer pauses between regions are not sent along. */
  readonly pauseSecondsMax: number;
}

/**
 * Stretches to recognise one after the other: cut in pauses, so that no word is split. Neighbours are joined while they fit, because
 * recognisers do better with context.
 */
export function chunksOf(regions: readonly Interval[], seconds: number, rules: ChunkRules): Interval[] {
  const { secondsMax, paddingSeconds: padding, pauseSecondsMax } = rules;
  const joined: Interval[] = [];
  for (const region of regions.flatMap((each) => piecesOf(each, secondsMax))) {
    const last = joined.at(-1);
    const near = last !== undefined && region.start - last.end <= pauseSecondsMax;
    if (last && near && region.end - last.start <= secondsMax) joined[joined.length - 1] = { ...last, end: region.end };
    else joined.push(region);
  }
  return joined.map(({ start, end }, i) => {
    const before = joined[i - 1]?.end ?? -padding;
    const after = joined[i + 1]?.start ?? seconds + padding;
    // Half of the pause at most: the other half is the neighbour's.
    return {
      start: rounded(Math.max(0, start - Math.min(padding, (start - before) / 2))),
      end: rounded(Math.min(seconds, end + Math.min(padding, (after - end) / 2))),
    };
  });
}

/** Equal pieces that are no longer than `secondsMax`. */
export function piecesOf({ start, end }: Interval, secondsMax: number): Interval[] {
  const count = Math.max(1, Math.ceil((end - start) / secondsMax - 1e-9));
  const length = (end - start) / count;
  return Array.from({ length: count }, (_, i) => ({
    start: rounded(start + i * length),
    end: rounded(start + (i + 1) * length),
  }));
}
