/** Reference signals, and what they are measured with. */
import { fourier } from '../../src/audio/dsp/fourier.ts';
import { joined, type Stage } from '../../src/audio/dsp/stage.ts';

export function tone(frequency: number, sampleRate: number, seconds: number, amplitude = 0.5): Float32Array {
  const samples = Math.round(seconds * sampleRate);
  return Float32Array.from(
    { length: samples },
    (_, n) => amplitude * Math.sin((2 * Math.PI * frequency * n) / sampleRate),
  );
}

/** The same noise every time (mulberry32). */
export function noise(samples: number, amplitude = 0.5): Float32Array {
  let state = 12345;
  return Float32Array.from({ length: samples }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return amplitude * (((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1);
  });
}

export function run(stage: Stage, input: Float32Array): Float32Array {
  return joined([stage.process(input.slice()).slice(), stage.flush()]);
}

/** The input cut at the given places. */
export function runInBlocks(stage: Stage, input: Float32Array, cuts: readonly number[]): Float32Array {
  const places = [0, ...cuts.map((cut) => cut % (input.length + 1)).sort((a, b) => a - b), input.length];
  const parts = places.slice(1).map((end, i) => stage.process(input.slice(places[i], end)).slice());
  return joined([...parts, stage.flush()]);
}

export function decibels(ratio: number): number {
  return 20 * Math.log10(Math.max(ratio, 1e-12));
}

export function rms(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / Math.max(1, samples.length));
}

/** The part of a signal that is not near its ends, where filters run in and out. */
export function middle(samples: Float32Array): Float32Array {
  return samples.subarray(samples.length >> 2, samples.length - (samples.length >> 2));
}

/** Largest part of the spectrum away from `frequency`, in dB below a sine of full scale; 4-term Blackman-Harris window (side lobes −92 dB). */
export function strayDb(samples: Float32Array, frequency: number, sampleRate: number): number {
  const size = 8192;
  const re = Float64Array.from(
    { length: size },
    (_, i) => (samples[i + (samples.length >> 2)] ?? 0) * blackmanHarris(i / size),
  );
  const im = new Float64Array(size);
  fourier(size).forward(re, im);
  let largest = 0;
  for (let bin = 0; bin <= size / 2; bin++) {
    if (Math.abs(bin - (frequency * size) / sampleRate) < 8) continue;
    largest = Math.max(largest, Math.hypot(re[bin] ?? 0, im[bin] ?? 0));
  }
  return decibels((2 * largest) / (size * 0.35875));
}

function blackmanHarris(x: number): number {
  const t = 2 * Math.PI * x;
  return 0.35875 - 0.48829 * Math.cos(t) + 0.14128 * Math.cos(2 * t) - 0.01168 * Math.cos(3 * t);
}
