/**
 * Noise reduction by a spectral gate: what stays near the noise floor of its frequency for long is turned down (at most by 14 dB).
 * It pleases the ear and harms recognition (see docs/audio.md), so nothing uses it unless it is asked for.
 */
import { fourier } from './fourier.ts';
import { joined, type Stage } from './stage.ts';

const frame = 512;
const hop = 128;
const bins = frame / 2 + 1;
const gainMin = 0.2;
/** Per hop of 8 ms at 16 kHz: the floor rises by 3 dB a second, and falls at once (minimum statistics, after Martin 2001). */
const floorRise = 10 ** (0.3 * (hop / 16_000));
/** The minimum of a smoothed power lies below its mean; and the gate closes only clearly above it. */
const oversubtraction = 6;
/** Frames with the square root of a Hann window, twice, in steps of a quarter, add up to this. */
const overlapGain = frame / hop / 2;

const window = Float64Array.from({ length: frame }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / frame));

/** For any rate near 16 kHz. Adds no delay: N samples in give N samples out. */
export function spectralGate(): Stage {
  const apply = gate();
  const sums = new Float64Array(frame);
  // Frames begin before the first sample, so that every sample is in four of them.
  let waiting = new Float32Array(frame - hop);
  let skip = frame - hop;
  let owed = 0;

  function run(): Float32Array {
    const frames = Math.max(0, Math.floor((waiting.length - frame) / hop) + 1);
    const output = new Float32Array(frames * hop);
    for (let index = 0; index < frames; index++) {
      const result = apply(waiting.subarray(index * hop, index * hop + frame));
      for (let i = 0; i < frame; i++) sums[i] = (sums[i] ?? 0) + (result[i] ?? 0);
      for (let i = 0; i < hop; i++) output[index * hop + i] = (sums[i] ?? 0) / overlapGain;
      sums.copyWithin(0, hop);
      sums.fill(0, frame - hop);
    }
    waiting = waiting.slice(frames * hop);
    const before = Math.min(skip, output.length);
    skip -= before;
    const certain = output.subarray(before, before + owed);
    owed -= certain.length;
    return certain;
  }

  return {
    process(input) {
      owed += input.length;
      waiting = joined([waiting, input]) as Float32Array<ArrayBuffer>;
      return run();
    },
    flush() {
      waiting = joined([waiting, new Float32Array(2 * frame)]) as Float32Array<ArrayBuffer>;
      return run();
    },
  };
}

/** One frame through the gate: windowed, weighted by frequency, windowed again. The result is valid until the next call. */
function gate(): (samples: Float32Array) => Float64Array {
  const { forward, inverse } = fourier(frame);
  const re = new Float64Array(frame);
  const im = new Float64Array(frame);
  const smooth = new Float64Array(bins);
  const floor = new Float64Array(bins).fill(Number.POSITIVE_INFINITY);
  const gains = new Float64Array(bins).fill(1);
  /** Frames so far; the first ones reach into the time before the first sample and say nothing about noise. */
  let seen = 0;
  const full = frame / hop;

  function gainOf(bin: number): number {
    const power = (re[bin] ?? 0) ** 2 + (im[bin] ?? 0) ** 2;
    const level = seen <= full ? power : 0.9 * (smooth[bin] ?? 0) + 0.1 * power;
    smooth[bin] = level;
    // Digital silence is no noise floor: everything would be far above it for ever.
    if (level > 1e-12 && seen >= full) floor[bin] = Math.min(level, (floor[bin] ?? 0) * floorRise);
    const wanted =
      level > 1e-12 && seen >= full ? Math.max(gainMin, 1 - (oversubtraction * (floor[bin] ?? 0)) / level) : 1;
    const before = gains[bin] ?? 1;
    // Opens fast and closes slowly, so that beginnings of words are not cut.
    const gain = wanted > before ? 0.5 * (before + wanted) : 0.8 * before + 0.2 * wanted;
    gains[bin] = gain;
    return gain;
  }

  return (samples) => {
    seen++;
    for (let i = 0; i < frame; i++) re[i] = (samples[i] ?? 0) * (window[i] ?? 0);
    im.fill(0);
    forward(re, im);
    for (let bin = 0; bin < bins; bin++) {
      const gain = gainOf(bin);
      const mirror = (frame - bin) % frame;
      re[bin] = (re[bin] ?? 0) * gain;
      im[bin] = (im[bin] ?? 0) * gain;
      if (mirror === bin || mirror < bin) continue;
      re[mirror] = (re[mirror] ?? 0) * gain;
      im[mirror] = (im[mirror] ?? 0) * gain;
    }
    inverse(re, im);
    for (let i = 0; i < frame; i++) re[i] = (re[i] ?? 0) * (window[i] ?? 0);
    return re;
  };
}
