/** All channels into one. */

const side = Math.SQRT1_2;
/**
 * Weights in the order of WebCodecs (SMPTE), after ITU-R BS.775: speech is in the centre; the bass channel is left out.
 * Other layouts are averaged.
 */
const layouts: Readonly<Record<number, readonly number[]>> = {
  // L R C
  3: [side, side, 1],
  // L R SL SR
  4: [1, 1, side, side],
  // L R C SL SR
  5: [side, side, 1, 0.5, 0.5],
  // L R C LFE SL SR
  6: [side, side, 1, 0, 0.5, 0.5],
  // L R C LFE BL BR SL SR
  8: [side, side, 1, 0, 0.5, 0.5, 0.5, 0.5],
};

/** Weights of the channels, adding up to 1: what is not clipped before is not clipped after. */
export function downmixWeights(channels: number): readonly number[] {
  const weights = layouts[channels] ?? Array.from({ length: channels }, () => 1);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Adds one channel to the mix. */
export function mixInto(mix: Float32Array, channel: Float32Array, weight: number): void {
  if (weight === 0) return;
  for (let i = 0; i < mix.length; i++) mix[i] = (mix[i] ?? 0) + weight * (channel[i] ?? 0);
}
