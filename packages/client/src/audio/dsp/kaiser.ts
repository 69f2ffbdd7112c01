/** The windowed sinc: a low-pass filter as a function of time, so that a resampler can ask for it between the samples. */

export interface LowPassDesign {
  /** The wanted attenuation in the stop band, in dB. */
  readonly stopbandDb: number;
  /** End of the pass band and beginning of the stop band, in cycles per sample. */
  readonly passband: number;
  readonly stopband: number;
}

export interface WindowedSinc {
  /** The filter reaches over |u| < half, in samples; a multiple of 2, so that `2 * half` is one of 4. */
  readonly half: number;
  /** The impulse response at `u` samples from its centre. */
  at(u: number): number;
}

/**
 * Length and shape by Kaiser's formulas (Kaiser 1974; Oppenheim & Schafer, Discrete-Time Signal Processing, §7.5.3):
 * β = 0.1102 (A − 8.7), N = (A − 8) / (2.285 Δω), for A > 50 dB.
 */
export function windowedSinc({ stopbandDb, passband, stopband }: LowPassDesign): WindowedSinc {
  const beta = 0.1102 * (stopbandDb - 8.7);
  const length = (stopbandDb - 8) / (2.285 * 2 * Math.PI * (stopband - passband)) + 1;
  const half = Math.ceil(length / 4) * 2;
  const cutoff = passband + stopband;
  const scale = cutoff / bessel0(beta);
  return {
    half,
    at(u) {
      const x = u / half;
      if (Math.abs(x) >= 1) return 0;
      return scale * sinc(cutoff * u) * bessel0(beta * Math.sqrt(1 - x * x));
    },
  };
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** The modified Bessel function of the first kind and order 0, by its power series. */
function bessel0(x: number): number {
  const quarter = (x * x) / 4;
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= quarter / (k * k);
    sum += term;
  }
  return sum;
}
