/**
 * From one sample rate to another with a polyphase filter (Crochiere & Rabiner, Multirate Digital Signal Processing, 1983): what the new
 * rate cannot carry is taken out by at least 90 dB instead of being folded into the band that is kept.
 */
import { windowedSinc } from './kaiser.ts';
import { nothing, type Stage } from './stage.ts';

const stopbandDb = 96;
/** The filter falls over this part of the band that both rates have: 7.4 – 8 kHz on the way to 16 kHz. */
const transition = 0.075;
/** With more phases than this, the nearest ratio with fewer is taken: it is wrong by less than 2 ppm. */
const phasesMax = 640;

/**
 * A stage that turns `inputRate` into `outputRate` (both in Hz). Sample n of the output is the input at the time n / outputRate: no delay
 * is added. N samples in give ceil(N · outputRate / inputRate) samples out, the last of them when it is flushed.
 */
export function resampler(inputRate: number, outputRate: number): Stage {
  if (!(inputRate > 0 && outputRate > 0))
    throw new RangeError(`Sample rates are above 0: ${inputRate}, ${outputRate}.`);
  return inputRate === outputRate
    ? { process: (input) => input, flush: () => nothing }
    : polyphase(inputRate, outputRate);
}

function polyphase(inputRate: number, outputRate: number): Stage {
  const { up, down } = ratio(inputRate, outputRate);
  const { phases, half } = phaseTable(inputRate, outputRate, up);
  const input = new Held(half - 1);
  let received = 0;
  // The next output lies at base + phase / up, in input samples.
  let base = 0;
  let phase = 0;
  let produced = 0;

  /** Every output before number `end`; their windows must be here. */
  function produce(end: number): Float32Array {
    const output = new Float32Array(Math.max(0, end - produced));
    for (let i = 0; i < output.length; i++) {
      output[i] = product(phases[phase] ?? nothing, input.samples, base - half + 1 - input.start);
      phase += down;
      base += Math.floor(phase / up);
      phase %= up;
    }
    produced += output.length;
    input.forget(base - half + 1);
    return output;
  }

  return {
    process(block) {
      input.append(block);
      received += block.length;
      return produce(Math.ceil(((received - half) * up) / down));
    },
    flush() {
      input.append(new Float32Array(half + 1));
      return produce(Math.ceil((received * up) / down));
    },
  };
}

/** The sum of products. Four of them side by side: the processor need not wait for one addition before it begins the next. */
function product(weights: Float32Array, samples: Float32Array, from: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let k = 0; k < weights.length; k += 4) {
    const s = from + k;
    a += (weights[k] as number) * (samples[s] as number);
    b += (weights[k + 1] as number) * (samples[s + 1] as number);
    c += (weights[k + 2] as number) * (samples[s + 2] as number);
    d += (weights[k + 3] as number) * (samples[s + 3] as number);
  }
  return a + b + (c + d);
}

/** The filter for each of the `up` places that an output can have between two inputs, oldest sample first. */
function phaseTable(
  inputRate: number,
  outputRate: number,
  up: number,
): { readonly phases: readonly Float32Array[]; readonly half: number } {
  const edge = Math.min(inputRate, outputRate) / 2 / inputRate;
  const filter = windowedSinc({ stopbandDb, passband: edge * (1 - transition), stopband: edge });
  const { half } = filter;
  const taps = 2 * half;
  const phases = Array.from({ length: up }, (_, phase) => {
    const weights = Array.from({ length: taps }, (_, k) => filter.at(half - 1 - k + phase / up));
    // Every phase passes a constant unchanged; otherwise the phases would leave a tone of their own.
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return Float32Array.from(weights, (weight) => weight / sum);
  });
  return { phases, half };
}

/** `up / down` = outputRate / inputRate in lowest terms, or the nearest with `up` ≤ phasesMax. */
function ratio(inputRate: number, outputRate: number): { up: number; down: number } {
  const exact = inputRate / outputRate;
  let best = { up: 1, down: Math.max(1, Math.round(exact)) };
  const error = ({ up, down }: { up: number; down: number }) => Math.abs(down / up - exact);
  for (let up = 2; up <= phasesMax && error(best) > 0; up++) {
    const next = { up, down: Math.max(1, Math.round(exact * up)) };
    if (error(next) < error(best)) best = next;
  }
  return best;
}

/** The input that windows still need. Silence comes before the first sample. */
class Held {
  samples: Float32Array;
  /** The place in the stream of `samples[0]`. */
  start: number;
  #length: number;

  constructor(silence: number) {
    this.samples = new Float32Array(4096);
    this.start = -silence;
    this.#length = silence;
    if (silence > this.samples.length) this.samples = new Float32Array(2 * silence);
  }

  append(block: Float32Array): void {
    const needed = this.#length + block.length;
    if (needed > this.samples.length) {
      const larger = new Float32Array(2 * needed);
      larger.set(this.samples.subarray(0, this.#length));
      this.samples = larger;
    }
    this.samples.set(block, this.#length);
    this.#length = needed;
  }

  /** Samples before the place `until` are not needed any more. */
  forget(until: number): void {
    const gone = Math.min(until - this.start, this.#length);
    if (gone <= 0) return;
    this.samples.copyWithin(0, gone, this.#length);
    this.#length -= gone;
    this.start += gone;
  }
}
