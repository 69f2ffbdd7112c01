/** Second-order filters by the formulas of R. Bristow-Johnson's Audio EQ Cookbook (W3C Note, 2021). */
import { type Stage, samplewise } from './stage.ts';

interface Coefficients {
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
  readonly a1: number;
  readonly a2: number;
}

/** −3 dB at `frequency` (Hz), 12 dB per octave below it (Butterworth). */
export function highPass(frequency: number, sampleRate: number): Stage {
  const { cos, alpha } = angle(frequency, sampleRate);
  return biquad({ b0: (1 + cos) / 2, b1: -(1 + cos), b2: (1 + cos) / 2, a1: -2 * cos, a2: 1 - alpha }, 1 + alpha);
}

/** −3 dB at `frequency` (Hz), at least 12 dB per octave above it (Butterworth). */
export function lowPass(frequency: number, sampleRate: number): Stage {
  const { cos, alpha } = angle(frequency, sampleRate);
  return biquad({ b0: (1 - cos) / 2, b1: 1 - cos, b2: (1 - cos) / 2, a1: -2 * cos, a2: 1 - alpha }, 1 + alpha);
}

function angle(frequency: number, sampleRate: number): { cos: number; alpha: number } {
  if (!(frequency > 0 && frequency < sampleRate / 2))
    throw new RangeError(
      `A filter at ${frequency} Hz needs a sample rate above ${2 * frequency} Hz, not ${sampleRate}.`,
    );
  const omega = (2 * Math.PI * frequency) / sampleRate;
  // Q = 1/√2: as flat as it can be.
  return { cos: Math.cos(omega), alpha: Math.sin(omega) / Math.SQRT2 };
}

/** Transposed direct form II, in double precision. */
function biquad(c: Coefficients, a0: number): Stage {
  const b0 = c.b0 / a0;
  const b1 = c.b1 / a0;
  const b2 = c.b2 / a0;
  const a1 = c.a1 / a0;
  const a2 = c.a2 / a0;
  let z1 = 0;
  let z2 = 0;
  return samplewise((x) => {
    const y = b0 * x + z1;
    z1 = settled(b1 * x - a1 * y + z2);
    z2 = settled(b2 * x - a2 * y);
    return y;
  });
}

/** In silence the memory fades for ever; numbers that small are slow on many processors. */
function settled(z: number): number {
  return z > -1e-25 && z < 1e-25 ? 0 : z;
}
