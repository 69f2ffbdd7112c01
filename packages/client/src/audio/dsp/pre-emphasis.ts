import { type Stage, samplewise } from './stage.ts';

/** y[n] = x[n] − a·x[n−1]: raises the treble. Recognisers do this themselves; doing it twice costs accuracy. 0 ≤ a < 1. */
export function preEmphasis(coefficient: number): Stage {
  if (!(coefficient >= 0 && coefficient < 1))
    throw new RangeError(`Pre-emphasis is from 0 to below 1, not ${coefficient}.`);
  let previous = 0;
  return samplewise((x) => {
    const y = x - coefficient * previous;
    previous = x;
    return y;
  });
}
